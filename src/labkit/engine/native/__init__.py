"""The only importer of llama_cpp: thin, checked wrappers that implement `labkit.engine.core.backend`."""

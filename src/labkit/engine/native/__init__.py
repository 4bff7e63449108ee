"""The only importer of llama_cpp: thin, checked wrappers that implement `labkit.engine.core.backend`."""

from labkit.engine.native.waiting import load_core

load_core()

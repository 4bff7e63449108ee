"""Without the extra `tune` the tests that need torch, tokenizers or gguf are not collected."""

from importlib.util import find_spec

NEEDS_THE_EXTRA = ("nano/test_tokenizer.py", "test_batches.py", "test_pretrain.py", "test_tiny_model.py")
HAS_THE_EXTRA = all(find_spec(name) for name in ("torch", "tokenizers", "gguf"))

collect_ignore = [] if HAS_THE_EXTRA else list(NEEDS_THE_EXTRA)

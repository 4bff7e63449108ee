"""Paths that only captures have: texts that people save and that no probe makes itself."""

DXDIAG = "/labkit-capture/dxdiag.txt"
LLM_CHECKER = "/labkit-capture/llm-checker.txt"

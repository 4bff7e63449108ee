"""Paths that only captures have: texts that people save and that no probe makes itself."""

DMESG = "/labkit-capture/dmesg.txt"
DXDIAG = "/labkit-capture/dxdiag.txt"
LLM_CHECKER = "/labkit-capture/llm-checker.txt"

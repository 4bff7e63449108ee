"""One process per loaded model: the engine and the chat format behind a typed message protocol.

`messages` and `wire` are for both sides and load nothing native; `main` runs in the process.
"""

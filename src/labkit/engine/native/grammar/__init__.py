"""Constrained decoding: llguidance says which tokens may come next, and all others are ruled out.

`compiler` turns a constraint into a `mask` for one sequence, within limits of time and memory; `limits` refuses what
would crash or stall the native parser before it sees it; `language` writes each kind of constraint as a grammar.
"""

from labkit.engine.native.grammar.compiler import GrammarCompiler
from labkit.engine.native.grammar.mask import TokenMask

__all__ = ["GrammarCompiler", "TokenMask"]

"""labkit-nano's data: synthetic conversations, their held-out twins, and the tokenizer. Needs no torch."""

from labkit.tune.nano.benchmark import BARS, REPORTED, ScoreItem, benchmark_items
from labkit.tune.nano.conversation import Conversation, build_conversation, render

__all__ = ["BARS", "REPORTED", "Conversation", "ScoreItem", "benchmark_items", "build_conversation", "render"]

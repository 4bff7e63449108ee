"""What a model can do, in Ollama's words: "completion", "tools", "thinking", "insert", "embedding"."""

from collections.abc import Iterator

from labkit.api.backend import ModelCard
from labkit.worker.messages import TokenizerDescribed


def abilities(card: ModelCard, tokenizer: TokenizerDescribed | None) -> list[str]:
    """Those that are known; tools, thinking and insert only of a loaded model. Takes a tenth of a second once."""
    return list(dict.fromkeys(_abilities(card, tokenizer)))


def _abilities(card: ModelCard, tokenizer: TokenizerDescribed | None) -> Iterator[str]:
    if {"chat", "completions"} & set(card.capabilities) or (not card.capabilities and card.chat_template):
        yield "completion"
    if "embeddings" in card.capabilities:
        yield "embedding"
    if tokenizer is None:
        return
    if tokenizer.chat_template and "chat" in card.capabilities:
        yield from _of_template(tokenizer.chat_template)
    if {"fim_pre", "fim_suf", "fim_mid"} <= set(tokenizer.special_tokens):
        yield "insert"


def _of_template(template: str) -> Iterator[str]:
    from labkit.chat.formats import format_of  # only here does the front need to know of families

    family = format_of(template)
    if family.calls is not None and "tools" in template:
        yield "tools"
    if family.thinking_in(template):
        yield "thinking"

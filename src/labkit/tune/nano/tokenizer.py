"""The tokenizer: byte-level BPE whose merges never join a letter to a space or a mark.

A word then has the same tokens after a space, a quote or a line break, so that copying is plain copying. The deployed
split is llama.cpp's `qwen2` regex; because no learned merge crosses from letters to other characters, training with a
finer split and running with this one give the same tokens (a test compares them with llama.cpp).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The split that llama.cpp knows as `qwen2`: single digits, words with at most one character before them."""

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CALL, CALL_END = "<tool_call>", "</tool_call>"
CONTROL_TOKENS = (PAD, START, END)
USER_DEFINED_TOKENS = (CALL, CALL_END)
"""Not control tokens: servers drop those from the text and could not see that a call began."""

_SPACE = "Ġ"
"""How the byte-level alphabet writes a space."""
_MIN_SPACED_LETTERS = 2


def train_tokenizer(
    texts: Iterable[str], vocab_size: int, num_spaced_words: int, content_words: Container[str] = ()
) -> Tokenizer:
    """Trains on `texts`; `vocab_size` includes the special tokens and the spaced words.

    A spaced word is a whole-word token that also exists with its space in front (" the"): one token instead of two for
    the commonest words. These merges come last, so they never change how letters are cut. `content_words` get none:
    they are what is copied.
    """
    specials = CONTROL_TOKENS + USER_DEFINED_TOKENS
    # The trainer does not know special tokens in running text: without the cut it would learn pieces of them.
    cut = re.compile("|".join(map(re.escape, specials)))
    pieces = [piece for text in texts for piece in cut.split(text) if piece]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - num_spaced_words,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _pre_tokenizer(isolate_letters=True)
    tokenizer.train_from_iterator(pieces, trainer)
    counts = Counter(word for piece in pieces for word in re.findall(r" ([A-Za-z]+)", piece))
    words = [word for word, _ in counts.most_common() if word.lower() not in content_words]
    return _with_spaced_words(json.loads(tokenizer.to_str()), words, num_spaced_words)


def _pre_tokenizer(*, isolate_letters: bool) -> pre_tokenizers.PreTokenizer:
    steps = [pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated")]
    if isolate_letters:
        steps.append(pre_tokenizers.Split(Regex(r"\p{L}+"), "isolated"))
    return pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _with_spaced_words(data: dict[str, dict], words: list[str], num_words: int) -> Tokenizer:
    """The deployed tokenizer: the learned merges, then `Ġ word` for the first `words` that are one token."""
    vocab: dict[str, int] = data["model"]["vocab"]
    merges: list[tuple[str, str]] = [(left, right) for left, right in data["model"]["merges"]]
    for word in [word for word in words if word in vocab and len(word) >= _MIN_SPACED_LETTERS][:num_words]:
        merges.append((_SPACE, word))
        vocab[_SPACE + word] = len(vocab)
    return build_tokenizer(vocab, merges)


def build_tokenizer(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """The deployed tokenizer from its parts, as they stand in tokenizer.json and in the GGUF file."""
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = _pre_tokenizer(isolate_letters=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in USER_DEFINED_TOKENS])
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Reads a tokenizer.json."""
    return Tokenizer.from_file(str(path))


def trained_mask(tokens: list[int], tokenizer: Tokenizer) -> list[bool]:
    """True for each token that the assistant writes, its <|im_end|> included, the line break after it not."""
    start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
    opening = [start, *tokenizer.encode("assistant\n").ids]
    mask = [False] * len(tokens)
    position = 0
    while position < len(tokens):
        if tokens[position : position + len(opening)] != opening:
            position += 1
            continue
        position += len(opening)
        while position < len(tokens):
            mask[position] = True
            position += 1
            if tokens[position - 1] == end:
                break
    return mask

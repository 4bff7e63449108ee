"""Vocabularies that a tokenizer does not survive, and some that it should."""

from fakes import gguf_writer as writer
from fakes.gguf_mutants.bases import any_base
from fakes.gguf_mutants.numbers import FLOATS, TEXTS, integer
from fakes.gguf_writer import Typed

PREFIX = "tokenizer.ggml."
TOKENS, SCORES, TYPES, MERGES = (PREFIX + name for name in ("tokens", "scores", "token_type", "merges"))
MODELS = ("llama", "gpt2", "bert", "t5", "rwkv", "plamo2", "none", "no_vocab", "gemma4", "", "wordpiece", "LLAMA")
PRES = (
    "default", "llama-bpe", "llama3", "deepseek-llm", "deepseek-coder", "falcon", "qwen2", "qwen35", "gpt-2", "gpt-4o",
    "smollm", "tekken", "gemma4", "viking", "chameleon", "jais", "superbpe", "kimi-k2", "hunyuan", "bert-bge", "", "x",
)  # fmt: skip
IDS = (
    "bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "cls", "mask", "fim_pre", "fim_suf", "fim_mid",
    "fim_pad", "fim_rep", "fim_sep", "prefix", "suffix", "middle",
)  # fmt: skip
FLAGS = (
    "add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix", "remove_extra_whitespaces",
    "escape_whitespaces",
)  # fmt: skip
ODD_TOKENS = (
    b"", b" ", b"\n", b"\0", b"\xff", b"\xe2\x96\x81", b"<0x41>", b"<0xZZ>", b"<0x", b"<unk>", b"<s>", b"</s>",
    b"[EMPTY_3]", b"<|im_end|>", b"<|endoftext|>", b"a", b"x\0y", b"\xc3\xa9", b"\xc2", "\U0001f600".encode(), b"q" * 3000,  # noqa: E501
    b"\xe2\x96\x81" * 40,
)  # fmt: skip


def odd_tokens(rng):
    """Tokens replaced: repeated, empty, cut in the middle of a character, very long."""
    name, document = any_base(rng)
    tokens = list(document.get(TOKENS))
    for _ in range(rng.choice((1, 1, 2, 8))):
        tokens[rng.randrange(len(tokens))] = rng.choice((*ODD_TOKENS, rng.choice(tokens)))
    return name, _with_tokens(document, tokens)


def many_same(rng):
    """A whole range of tokens with one text."""
    name, document = any_base(rng)
    tokens = list(document.get(TOKENS))
    start, size = rng.randrange(len(tokens)), rng.choice((2, 10, len(tokens)))
    text = rng.choice(ODD_TOKENS)
    tokens[start : start + size] = [text] * len(tokens[start : start + size])
    return name, _with_tokens(document, tokens)


def huge_token(rng):
    name, document = any_base(rng)
    tokens = list(document.get(TOKENS))
    tokens[rng.randrange(len(tokens))] = rng.choice((b"y", b"\xe2\x96\x81", b"\xff")) * rng.choice(
        (5000, 70_000, 400_000, 1_100_000)
    )
    return name, _with_tokens(document, tokens)


def missing_bytes(rng):
    """Byte tokens taken away: what is not in the vocabulary has no fall-back."""
    name, document = any_base(rng)
    tokens = list(document.get(TOKENS))
    places = [index for index, token in enumerate(tokens) if len(token) == 1 or token.startswith(b"<0x")] or [0]
    for index in rng.sample(places, min(len(places), rng.choice((1, 5, len(places))))):
        tokens[index] = b"lost %d" % index
    return name, _with_tokens(document, tokens)


def shorter_or_longer(rng):
    name, document = any_base(rng)
    tokens = list(document.get(TOKENS))
    size = rng.choice((0, 1, len(tokens) // 2, len(tokens) - 1))
    tokens = (
        tokens[:size] if rng.random() < 0.6 else [*tokens, *(b"new %d" % i for i in range(rng.choice((1, 50, 3000))))]
    )
    document = document.setting(TOKENS, Typed(writer.ARRAY, tokens, writer.STRING))
    if rng.random() < 0.5:  # the lists beside it keep in step
        for key, filler in ((SCORES, 0.0), (TYPES, 1)):
            item = document.typed(key)
            if item is not None:
                values = [*item.value[: len(tokens)], *[filler] * (len(tokens) - len(item.value))]
                document = document.setting(key, Typed(item.kind, values, item.element))
    return name, document.to_bytes()


def other_model(rng):
    name, document = any_base(rng)
    document = document.setting(PREFIX + "model", rng.choice(MODELS))
    if rng.random() < 0.4:
        document = document.setting(PREFIX + "pre", rng.choice(PRES))
    if rng.random() < 0.3:
        document = document.setting(MERGES, ["a b", "b c"])
    return name, document.to_bytes()


def other_pre(rng):
    name, document = any_base(rng, among=("nano", "bpe", "dense", "embedding"))
    return name, document.setting(PREFIX + "pre", rng.choice((*PRES, *TEXTS))).to_bytes()


def types(rng):
    """Token types out of range, all of one kind, or of another width."""
    name, document = any_base(rng)
    size = len(document.get(TOKENS))
    some = rng.choice(((0, 1, 2, 3, 4, 5, 6, 7), (-1, 99, 2**31 - 1), (6,), (3,), (4,), (2,), (5,), (0,)))
    values = [rng.choice(some) for _ in range(size + rng.choice((0, 0, 0, 0, -1, 1)))]
    kind = rng.choice((writer.INT32, writer.INT32, writer.UINT32, writer.INT64, writer.FLOAT32, writer.BOOL))
    if kind in (writer.UINT32, writer.INT32, writer.INT64):
        values = [abs(value) if kind == writer.UINT32 else value for value in values]
    else:
        values = [float(value) if kind == writer.FLOAT32 else value > 0 for value in values]
    return name, document.setting(TYPES, Typed(writer.ARRAY, values, kind)).to_bytes()


def scores(rng):
    """Scores that are no numbers, or infinite: a queue ordered by them has no order."""
    name, document = any_base(rng, among=("spm", "spm", "bpe", "bert"))
    values = list(document.get(SCORES) or [0.0] * len(document.get(TOKENS)))
    for _ in range(rng.choice((1, 5, len(values)))):
        values[rng.randrange(len(values))] = rng.choice(FLOATS)
    values = values[: len(values) - rng.choice((0, 0, 0, 1))]
    return name, document.setting(SCORES, values or [0.0]).to_bytes()


def merges(rng):
    name, document = any_base(rng, among=("nano", "bpe", "dense", "embedding", "moe"))
    old = list(document.get(MERGES))
    odd = (
        b"",
        b" ",
        b"  ",
        b"ab",
        b"a  b",
        b" a",
        b"a ",
        b"\xff \xff",
        b"zz yy",
        b"a b c",
        b"\0 \0",
        b"e" * 70_000 + b" b",
    )
    action = rng.randrange(5)
    if action == 0:
        return name, document.setting(MERGES, None).to_bytes()
    if action == 1:
        return name, document.setting(
            MERGES, rng.choice((Typed(writer.ARRAY, [], writer.STRING), 7, "a b", [1, 2]))
        ).to_bytes()
    if action == 2:
        old = old * 2
    elif action == 3:
        rng.shuffle(old)
    for _ in range(rng.choice((1, 1, 3, 20))):
        old[rng.randrange(len(old))] = rng.choice(odd)
    return name, document.setting(MERGES, Typed(writer.ARRAY, old, writer.STRING)).to_bytes()


def special_ids(rng):
    name, document = any_base(rng)
    size = len(document.get(TOKENS))
    for _ in range(rng.choice((1, 1, 2, 4))):
        key = f"{PREFIX}{rng.choice(IDS)}_token_id"
        odd = rng.choice(
            (None, size, size + 1, size - 1, 0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, -1, -2, 1.0, "2", True)
        )
        kept = Typed(writer.INT32, odd) if isinstance(odd, int) and not isinstance(odd, bool) and odd < 0 else odd
        document = document.setting(key, kept)
    return name, document.to_bytes()


def end_token_lists(rng):
    name, document = any_base(rng)
    values = [rng.choice((0, 5, -1, 10**6, 2**31 - 1)) for _ in range(rng.choice((0, 1, 3)))]
    key = rng.choice(("eos_token_ids", "suppress_tokens", "eot_token_ids"))
    return name, document.setting(PREFIX + key, Typed(writer.ARRAY, values, writer.INT32)).to_bytes()


def flags(rng):
    name, document = any_base(rng)
    for _ in range(rng.choice((1, 2))):
        item = rng.choice((True, False, True, False, 1, "yes", 0.5))
        document = document.setting(PREFIX + rng.choice(FLAGS), item)
    if rng.random() < 0.3:
        document = document.setting(PREFIX + "token_type_count", integer(rng))
    return name, document.to_bytes()


def char_map(rng):
    """A table that Unigram vocabularies bring along, as bytes: offsets into itself."""
    name, document = any_base(rng, among=("spm", "spm", "bert", "bpe"))
    document = document.setting(PREFIX + "model", rng.choice(("t5", "t5", "llama", "bert")))
    raw = rng.choice(
        (
            b"",
            b"\1\0\0\0",
            b"\xff\xff\xff\xff" + bytes(20),
            rng.randbytes(200),
            (64).to_bytes(4, "little") + rng.randbytes(80),
        )
    )
    kind = rng.choice((writer.UINT8, writer.INT8))
    values = [byte if kind == writer.UINT8 else byte - 128 for byte in raw]
    return name, document.setting(PREFIX + "precompiled_charsmap", Typed(writer.ARRAY, values, kind)).to_bytes()


def missing_part(rng):
    name, document = any_base(rng)
    return name, document.setting(rng.choice(document.keys(PREFIX)), None).to_bytes()


KINDS = (
    odd_tokens, odd_tokens, many_same, huge_token, missing_bytes, missing_bytes, shorter_or_longer, other_model,
    other_model, other_pre, types, scores, merges, merges, special_ids, special_ids, end_token_lists, flags, char_map,
    missing_part,
)  # fmt: skip


def _with_tokens(document, tokens):
    return document.setting(TOKENS, Typed(writer.ARRAY, tokens, writer.STRING)).to_bytes()

"""Checks of a vocabulary: llama.cpp trusts it, and a bad one kills the process at the load or the first prompt."""

from labkit.errors import InvalidModelFileError
from labkit.gguf.cursor import DAMAGED, invalid
from labkit.gguf.header import GgufHeader

PREFIX = "tokenizer.ggml."
NONE = 0xFFFFFFFF  # how files write "there is no such token"
# The longest of real vocabularies have some hundred; the core's time grows with the square of it.
MAX_TOKEN_BYTES = 1 << 14
ENCODERS = {
    "bert",
    "nomic-bert",
    "nomic-bert-moe",
    "jina-bert-v2",
    "jina-bert-v3",
    "neo-bert",
    "modern-bert",
    "eurobert",
    "gemma-embedding",
    "t5encoder",
}
# Ids that llama.cpp takes for a WordPiece vocabulary which does not name its own.
WORD_PIECE_IDS = {"bos": 101, "seperator": 102, "unknown": 100}
SPECIAL_IDS = (
    "bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "cls", "mask",
    "fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep", "fim_sep", "prefix", "suffix", "middle",
)  # fmt: skip


def check_tokenizer(header: GgufHeader) -> None:
    """Raise InvalidModelFileError for a vocabulary that llama.cpp would not survive."""
    kind = header.text(PREFIX + "model")
    if kind is None:
        raise _invalid(header, "it has no tokenizer ('tokenizer.ggml.model' is missing)")
    _check_kind(header, kind)
    tokens = header.strings(PREFIX + "tokens")
    if not tokens:
        raise _invalid(header, "its vocabulary is empty")
    # llama.cpp reads a token up to its first NUL, which can make two tokens one.
    tokens = tuple(token.partition(b"\0")[0] for token in tokens)
    _check_unique(header, tokens)
    _check_lengths(header, len(tokens))
    _check_special_ids(header, len(tokens))
    _check_embedding_rows(header, len(tokens))
    if kind == "llama":
        _check_byte_tokens(header, tokens)
    if kind == "bert":
        _check_word_piece_ids(header, len(tokens))
    if kind == "gpt2" and header.strings(PREFIX + "merges") is None:
        raise _invalid(header, "its BPE tokenizer has no merges")


def _invalid(header: GgufHeader, what: str) -> InvalidModelFileError:
    return invalid(header.path, what, hint=f"{DAMAGED}, or take the file of another publisher")


def _check_kind(header: GgufHeader, kind: str) -> None:
    architecture = header.text("general.architecture") or ""
    if kind in {"no_vocab", "none"}:
        raise _invalid(header, "it was written without a tokenizer")
    if kind == "bert" and architecture not in ENCODERS:
        raise _invalid(header, f"a '{architecture}' model with a BERT tokenizer")
    if kind == "rwkv" and "rwkv" not in architecture:
        raise _invalid(header, f"a '{architecture}' model with an RWKV tokenizer")


def _check_unique(header: GgufHeader, tokens: tuple[bytes, ...]) -> None:
    # llama.cpp names empty tokens [EMPTY_i], so those are distinct, unless that name is taken.
    known = set(tokens)
    if len(known) + max(tokens.count(b"") - 1, 0) != len(tokens):
        seen: set[bytes] = set()
        repeated = next(token for token in tokens if token in seen or seen.add(token))
        raise _invalid(header, f"its vocabulary holds the token {repeated[:40]!r} twice")
    for position, token in enumerate(tokens if b"" in tokens else ()):
        if not token and b"[EMPTY_%d]" % position in known:
            raise _invalid(header, f"its vocabulary holds the token [EMPTY_{position}] twice")
    longest = max(map(len, tokens))
    if longest > MAX_TOKEN_BYTES:
        raise _invalid(header, f"its vocabulary holds a token of {longest} bytes")


def _check_lengths(header: GgufHeader, num_tokens: int) -> None:
    for name, code in (("scores", "f"), ("token_type", "i")):
        key = PREFIX + name
        if key not in header.metadata:
            continue
        values = header.numbers(key)
        if values is None or values.typecode not in (code, code.upper()) or len(values) != num_tokens:
            raise _invalid(header, f"'{key}' does not hold one number for each of {num_tokens} tokens")


def _check_special_ids(header: GgufHeader, num_tokens: int) -> None:
    for name in SPECIAL_IDS:
        key = f"{PREFIX}{name}_token_id"
        value = header.metadata.get(key)
        if value is None or value in (NONE, -1):
            continue
        if not isinstance(value, int) or not 0 <= value < num_tokens:
            raise _invalid(header, f"'{key}' is {value!r}, its vocabulary has {num_tokens} tokens")


def _check_embedding_rows(header: GgufHeader, num_tokens: int) -> None:
    for tensor in header.tensors:
        if tensor.name == "token_embd.weight" and (len(tensor.dimensions) < 2 or tensor.dimensions[1] != num_tokens):
            raise _invalid(header, f"its embedding has the shape {tensor.dimensions} for {num_tokens} tokens")


def _check_word_piece_ids(header: GgufHeader, num_tokens: int) -> None:
    # It puts them around and into every text, and asserts that they exist.
    for name, default in WORD_PIECE_IDS.items():
        value = header.metadata.get(f"{PREFIX}{name}_token_id")
        token = default if value in (None, NONE, -1) else value
        if not isinstance(token, int) or token >= num_tokens:
            raise _invalid(header, f"its WordPiece vocabulary has no {name} token")


def _check_byte_tokens(header: GgufHeader, tokens: tuple[bytes, ...]) -> None:
    # A SentencePiece vocabulary falls back to bytes; a missing one throws inside the native tokenizer.
    known = set(tokens)
    for byte in range(256):
        if b"<0x%02X>" % byte not in known and bytes([byte]) not in known:
            raise _invalid(header, f"its vocabulary has no token for the byte 0x{byte:02X}")

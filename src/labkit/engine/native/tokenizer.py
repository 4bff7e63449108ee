"""What kind of tokenizer a model has, and its tokens with a role. Any thread may ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llama_cpp

from labkit.engine.native.model import NativeModel
from labkit.errors import InvalidRequestError

_KINDS = {
    llama_cpp.LLAMA_VOCAB_TYPE_NONE: "none",
    llama_cpp.LLAMA_VOCAB_TYPE_SPM: "SPM",
    llama_cpp.LLAMA_VOCAB_TYPE_BPE: "BPE",
    llama_cpp.LLAMA_VOCAB_TYPE_WPM: "WPM",
    llama_cpp.LLAMA_VOCAB_TYPE_UGM: "UGM",
    llama_cpp.LLAMA_VOCAB_TYPE_RWKV: "RWKV",
    llama_cpp.LLAMA_VOCAB_TYPE_PLAMO2: "PLAMO2",
}
_LINE_END = "nl"
_ROLES = ("bos", "eos", "eot", "sep", _LINE_END, "pad", "mask")
_ROLES += ("fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep", "fim_sep")


@dataclass(frozen=True, slots=True)
class TokenizerFacts:
    """A tokenizer in words.

    Attributes:
        kind: llama.cpp's name of the algorithm.
        special_tokens: (id, text) by role, those that it has.
    """

    kind: str
    adds_bos: bool
    adds_eos: bool
    special_tokens: dict[str, tuple[int, str]]


def describe_tokenizer(model: NativeModel) -> TokenizerFacts:
    """The facts of a model's vocabulary."""
    roles = {role: _token_of(model, role) for role in _ROLES}
    return TokenizerFacts(
        kind=_KINDS.get(llama_cpp.llama_vocab_type(model.vocab), "unknown"),
        adds_bos=model.adds_bos,
        adds_eos=bool(llama_cpp.llama_vocab_get_add_eos(model.vocab)),
        special_tokens={
            role: (token, model.token_text(token)) for role, token in roles.items() if _has_role(model, role, token)
        },
    )


def prompt_tokens(model: NativeModel, text: str, *, param: str = "messages") -> tuple[int, ...]:
    """Tokens of a prompt: markers are read as tokens, and BOS comes first where the model wants it, once.

    Raises InvalidRequestError about `param` for a text that is too long.
    """
    tokens = model.tokenize(text, param=param)
    if model.adds_bos and tokens[:1] != [model.bos]:
        tokens.insert(0, model.bos)
    return tuple(tokens)


def check_tokens(model: NativeModel, tokens: Sequence[int], *, param: str) -> None:
    """Raise InvalidRequestError that names the first of `tokens` that is outside the vocabulary."""
    size = model.vocab_size
    if not tokens or (min(tokens) >= 0 and max(tokens) < size):
        return
    place, token = next((place, token) for place, token in enumerate(tokens) if not 0 <= token < size)
    raise InvalidRequestError(
        f"token id {token} (number {place} of {len(tokens)}) is outside the vocabulary of {size}", param=param
    )


def detokenize(model: NativeModel, tokens: Sequence[int]) -> str:
    """Text of `tokens` with markers; what is no whole character becomes a replacement character.

    Raises InvalidRequestError for an id outside the vocabulary.
    """
    check_tokens(model, tokens, param="tokens")
    return b"".join([model.piece(token, with_control=True) for token in tokens]).decode(errors="replace")


def fill_in_middle(model: NativeModel, prefix: str, suffix: str) -> list[int]:
    """Tokens that ask for what belongs between `prefix` and `suffix`, in the order prefix, suffix, middle.

    Markers in both are text. Raises InvalidRequestError for a model that was not trained for this.
    """
    before, after, middle = (_token_of(model, role) for role in ("fim_pre", "fim_suf", "fim_mid"))
    if min(before, after, middle) < 0:
        raise InvalidRequestError(
            "this model has no tokens for filling in the middle",
            param="suffix",
            hint="leave suffix out, or serve a code model such as Qwen2.5-Coder",
        )
    tokens = [before, *model.tokenize(prefix, parse_special=False, param="prompt"), after]
    tokens += [*model.tokenize(suffix, parse_special=False, param="suffix"), middle]
    return [model.bos, *tokens] if model.adds_bos else tokens


def marker_text(model: NativeModel, token: int) -> str:
    """Text of a special token, as templates are given it; "" where the model has none of the kind."""
    return model.token_text(token) if token >= 0 and model.is_marker(token) else ""


def _has_role(model: NativeModel, role: str, token: int) -> bool:
    # Where a file names no BOS, llama.cpp takes GPT-2's id, which is an apostrophe elsewhere.
    return token >= 0 and (role == _LINE_END or model.is_marker(token))


def _token_of(model: NativeModel, role: str) -> int:
    find: Any = getattr(llama_cpp, f"llama_vocab_{role}")
    return int(find(model.vocab))

"""A loaded GGUF model and its vocabulary."""

import ctypes
import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import llama_cpp

from labkit.engine.native import library
from labkit.engine.types import SamplingParams
from labkit.errors import InvalidRequestError, ModelLoadError, NativeError

MemoryKind = Literal["full", "window", "recurrent", "none"]
"""What a context of the model remembers: all cells, those of a sliding window, a state, or nothing (encoders)."""

_MAX_TEXT_BYTES = 4096
_MOST_PIECES_BYTES = 64
_LEAST_TEXT_LIMIT = 1 << 20
_TEXT_BYTES_PER_TOKEN = 16
"""Longest text that is tokenized, at least and per token of the training's context: a call cannot be stopped, and
takes seconds for 10 MB."""
_SAMPLING_KEYS = {
    "temperature": "general.sampling.temp",
    "top_k": "general.sampling.top_k",
    "top_p": "general.sampling.top_p",
    "min_p": "general.sampling.min_p",
    "repetition_penalty": "general.sampling.penalty_repeat",
}
_CONTROL = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL
_USER_DEFINED = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED


class NativeModel:
    """Weights and vocabulary. Close it after every context made from it; not for use after that."""

    def __init__(self, path: Path, *, gpu_layers: int = -1) -> None:
        """Load `path`. Blocks; raises ModelLoadError when llama.cpp refuses the file.

        The file must have been validated before (`labkit.gguf`): some broken files kill the process here.
        """
        library.initialize()
        library.refuse_after_fork()
        self.path = path
        self._pointer: Any = None
        self._num_contexts = 0
        # llama.cpp waits for ever on a named pipe.
        if not path.is_file():
            raise ModelLoadError(f"there is no file {path}", hint="see the models with: labkit models list")
        params = llama_cpp.llama_model_default_params()
        library.set_params(params, n_gpu_layers=gpu_layers)
        pointer = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not pointer:
            raise ModelLoadError(
                f"llama.cpp cannot load {path.name}",
                hint="is it of a supported architecture and complete? look at it with: labkit models show FILE",
            )
        self._pointer = pointer
        self.vocab: Any = llama_cpp.llama_model_get_vocab(pointer)
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self._buffer: Any = ctypes.create_string_buffer(_MAX_TEXT_BYTES)
        self._pieces: tuple[dict[int, bytes], dict[int, bytes]] = {}, {}

    @property
    def pointer(self) -> Any:
        """The native handle. Raises ModelLoadError after `close`."""
        if self._pointer is None:
            raise ModelLoadError("the model is closed")
        return self._pointer

    def close(self) -> None:
        """Free the weights; calling it twice is harmless. Raises NativeError while a context of it is open."""
        if self._num_contexts:
            raise NativeError(f"{self._num_contexts} contexts of this model are still open")
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            llama_cpp.llama_model_free(pointer)

    def acquire_context(self) -> None:
        """A context was made from it."""
        self._num_contexts += 1

    def release_context(self) -> None:
        """A context of it was freed."""
        self._num_contexts -= 1

    @functools.cached_property
    def description(self) -> str:
        """llama.cpp's own words, such as "qwen3 0.6B Q4_K - Medium"; sizes it has no name for are counted."""
        llama_cpp.llama_model_desc(self.pointer, self._buffer, _MAX_TEXT_BYTES)
        return self._buffer.value.decode(errors="replace").replace("?B", f"{self.num_parameters / 1e6:.1f}M")

    @functools.cached_property
    def memory_kind(self) -> MemoryKind:
        """How its contexts remember. DeepSeek-V4's compressed cells go with a state, as a recurrent layer's do."""
        pointer = self.pointer
        if not llama_cpp.llama_model_has_decoder(pointer) or llama_cpp.llama_model_is_diffusion(pointer):
            return "none"
        if llama_cpp.llama_model_is_recurrent(pointer) or llama_cpp.llama_model_is_hybrid(pointer):
            return "recurrent"
        if self.metadata("general.architecture") == "deepseek4":
            return "recurrent"
        return "window" if self.window_tokens else "full"

    @functools.cached_property
    def window_tokens(self) -> int:
        """How far sliding-window layers look back; 0 when it has none."""
        return llama_cpp.llama_model_n_swa(self.pointer)

    @property
    def trained_context_tokens(self) -> int:
        """Longest context of the training."""
        return llama_cpp.llama_model_n_ctx_train(self.pointer)

    @property
    def num_parameters(self) -> int:
        """Weights, counted."""
        return llama_cpp.llama_model_n_params(self.pointer)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors."""
        return llama_cpp.llama_model_size(self.pointer)

    @property
    def chat_template(self) -> str | None:
        """The Jinja source stored in the file."""
        source = llama_cpp.llama_model_chat_template(self.pointer, None)
        return source.decode(errors="replace") if source else None

    @functools.cached_property
    def sampling_defaults(self) -> SamplingParams:
        """What the file recommends (`general.sampling.*`); labkit's defaults where it says nothing sensible."""
        found = {
            name: number for name, key in _SAMPLING_KEYS.items() if (number := _number(self.metadata(key))) is not None
        }
        if "top_k" in found:
            found["top_k"] = int(found["top_k"])
        return replace(SamplingParams(), **found)

    def metadata(self, key: str) -> str | None:
        """A value of the file's header as text; None when the key is absent."""
        size = llama_cpp.llama_model_meta_val_str(self.pointer, key.encode(), self._buffer, _MAX_TEXT_BYTES)
        return self._buffer.value.decode(errors="replace") if size >= 0 else None

    @property
    def adds_bos(self) -> bool:
        """Whether prompts begin with the BOS token."""
        return bool(llama_cpp.llama_vocab_get_add_bos(self.vocab)) and self.bos >= 0

    @property
    def bos(self) -> int:
        """Id of the BOS token, -1 when the vocabulary has none."""
        return int(llama_cpp.llama_vocab_bos(self.vocab))  # pyright: ignore[reportArgumentType]

    @property
    def eos(self) -> int:
        """Id of the EOS token, -1 when the vocabulary has none."""
        return int(llama_cpp.llama_vocab_eos(self.vocab))  # pyright: ignore[reportArgumentType]

    def is_end(self, token: int) -> bool:
        """Whether `token` ends a generation (any of the file's end tokens). Raises InvalidRequestError."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocab, self._checked(token)))

    def is_marker(self, token: int) -> bool:
        """Whether `token` is a control or user-defined token, not ordinary text."""
        return bool(llama_cpp.llama_vocab_get_attr(self.vocab, self._checked(token)) & (_CONTROL | _USER_DEFINED))

    def piece(self, token: int, *, with_control: bool = False) -> bytes:
        """Bytes of `token`; control tokens are empty unless asked for. Raises InvalidRequestError. Any thread may ask.

        Bytes and not text: a token may end in mid-character.
        """
        known = self._pieces[with_control]
        found = known.get(token)
        if found is None:
            found = known[token] = self._read_piece(self._checked(token), with_control=with_control)
        return found

    def _read_piece(self, token: int, *, with_control: bool) -> bytes:
        size = _MOST_PIECES_BYTES
        while True:  # a buffer of its own each time: the reader of requests and the engine's thread both come here
            buffer: Any = ctypes.create_string_buffer(size)
            size = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, with_control)
            if size >= 0:
                return buffer.raw[:size]
            size = -size

    def token_text(self, token: int) -> str:
        """Text of a special token such as `<|im_end|>`; empty for -1 (no such token)."""
        return self.piece(token, with_control=True).decode(errors="replace") if token >= 0 else ""

    @functools.cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """Every token that ends a generation. The first call walks the vocabulary (0.1 s for 150,000 tokens)."""
        return tuple(token for token in range(self.vocab_size) if llama_cpp.llama_vocab_is_eog(self.vocab, token))

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = True, param: str = "messages"
    ) -> list[int]:
        """Token ids of `text`. `parse_special` reads `<|im_end|>` and its like as tokens, not as text.

        Raises InvalidRequestError about `param` for a text that is too long. Any thread may ask; blocks.
        """
        raw = text.encode()
        limit = max(_LEAST_TEXT_LIMIT, _TEXT_BYTES_PER_TOKEN * self.trained_context_tokens)
        if len(raw) > limit:
            raise InvalidRequestError(f"the text has {len(raw)} bytes, the limit is {limit}", param=param)
        buffer = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), buffer, len(buffer), add_special, parse_special)
        if count < 0:
            buffer = (llama_cpp.llama_token * -count)()
            count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), buffer, len(buffer), add_special, parse_special)
        if count < 0:
            raise InvalidRequestError("the text is too long to tokenize", param=param)
        return list(buffer[:count])

    def _checked(self, token: int) -> int:
        # llama.cpp aborts the process for an id out of range.
        if not 0 <= token < self.vocab_size:
            raise InvalidRequestError(f"token id {token} is outside the vocabulary of {self.vocab_size}")
        return token


def _number(text: str | None) -> float | None:
    """A finite, non-negative number, or None: files are not to be trusted with anything else."""
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None

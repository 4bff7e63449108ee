"""LoRA adapters: loaded by name, applied to a context by the set that one forward serves."""

import ctypes
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp

from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.types import AdapterUse
from labkit.errors import InvalidModelFileError, InvalidRequestError, ModelLoadError
from labkit.gguf import GgufHeader, read_header, validate_adapter

MAX_ADAPTERS = 64
MAX_SCALE = 100.0


@dataclass(frozen=True, slots=True)
class _Loaded:
    pointer: Any
    digest: str


class NativeAdapters:
    """The adapters of one model, and which of them are set in its context. Only the context's owner calls.

    llama.cpp applies adapters to a whole context: a forward serves one set of them.
    """

    def __init__(self, model: NativeModel, context: NativeContext) -> None:
        self._model = model
        self._context = context
        self._base: GgufHeader | None = None
        self._loaded: dict[str, _Loaded] = {}
        self._applied: tuple[AdapterUse, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Loaded adapters, oldest first."""
        return tuple(self._loaded)

    def digest(self, name: str) -> str:
        """SHA-256 of the adapter's file. Raises InvalidRequestError for a name that is not loaded."""
        return self._known(name).digest

    def load(self, name: str, path: Path) -> None:
        """Read `path` into memory. Blocks.

        Raises InvalidRequestError when the name is taken, or there are too many; ModelLoadError when the file is no
        LoRA adapter for this model.
        """
        if name in self._loaded:
            raise InvalidRequestError(f"an adapter named '{name}' is loaded already", param="name", code="name_taken")
        if len(self._loaded) >= MAX_ADAPTERS:
            raise InvalidRequestError(f"{MAX_ADAPTERS} adapters are loaded already", param="name")
        try:
            self._base = self._base or read_header(self._model.path)
            validate_adapter(path, self._base)
            digest = _digest(path)
        except InvalidModelFileError as error:
            raise ModelLoadError(f"'{name}' is not a usable adapter: {error.message}", hint=error.hint) from error
        except OSError as error:
            raise ModelLoadError(f"the adapter '{name}' cannot be read: {error.strerror}") from error
        pointer = llama_cpp.llama_adapter_lora_init(self._model.pointer, str(path).encode())
        if not pointer:
            raise ModelLoadError(
                f"the adapter '{name}' does not fit this model",
                hint="an adapter fits only the base model that it was trained on",
            )
        self._loaded[name] = _Loaded(pointer, digest)

    def unload(self, name: str) -> None:
        """Free an adapter. Raises InvalidRequestError for a name that is not loaded."""
        loaded = self._known(name)
        if any(use.name == name for use in self._applied):
            self.apply(())
        del self._loaded[name]
        llama_cpp.llama_adapter_lora_free(loaded.pointer)

    def check(self, uses: tuple[AdapterUse, ...]) -> None:
        """Raise InvalidRequestError for an unknown adapter, one named twice, or a scale that is no sensible number."""
        names = [use.name for use in uses]
        if len(set(names)) != len(names):
            raise InvalidRequestError("an adapter is named twice", param="lora")
        for use in uses:
            self._known(use.name)
            if not -MAX_SCALE <= use.scale <= MAX_SCALE:
                raise InvalidRequestError(f"{use.scale} is no scale for an adapter", param="lora")

    def apply(self, uses: tuple[AdapterUse, ...]) -> None:
        """Set exactly these adapters for the next forward. A change costs llama.cpp a new graph."""
        if uses == self._applied:
            return
        self.check(uses)
        pointers = [self._loaded[use.name].pointer for use in uses]
        llama_cpp.llama_set_adapters_lora(
            self._context.pointer,
            (llama_cpp.llama_adapter_lora_p_ctypes * len(uses))(*pointers),
            len(uses),
            (ctypes.c_float * len(uses))(*(use.scale for use in uses)),
        )
        self._applied = uses

    def close(self) -> None:
        """Free all of them, after the context and before the model."""
        loaded, self._loaded, self._applied = self._loaded, {}, ()
        for adapter in loaded.values():
            llama_cpp.llama_adapter_lora_free(adapter.pointer)

    def _known(self, name: str) -> _Loaded:
        loaded = self._loaded.get(name)
        if loaded is None:
            known = ", ".join(sorted(self._loaded)) or "none is loaded: labkit serve MODEL --adapter NAME=FILE.gguf"
            raise InvalidRequestError(
                f"there is no adapter named '{name}'", param="lora", code="model_not_found", hint=f"known: {known}"
            )
        return loaded


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

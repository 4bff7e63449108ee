"""Native samplers in a row, with the checks that llama.cpp leaves out."""

from collections.abc import Iterable
from typing import Any

import llama_cpp

from labkit.errors import NativeError


class NativeChain:
    """Owns the samplers given to it. Not for use after `close`."""

    def __init__(self, samplers: Iterable[Any]) -> None:
        """Raises NativeError when llama.cpp could not make one of them: a NULL in a chain kills the process."""
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        if not chain:
            raise NativeError("no memory for a sampler")
        self._pointer: Any = chain
        self.length = 0
        for sampler in samplers:
            if not sampler:
                self.close()
                raise NativeError("llama.cpp refused a sampler")
            llama_cpp.llama_sampler_chain_add(chain, sampler)
            self.length += 1

    @property
    def pointer(self) -> Any:
        """The native handle. Raises NativeError after `close`."""
        if self._pointer is None:
            raise NativeError("the sampler is closed")
        return self._pointer

    def accept(self, token: int) -> None:
        """Let the samplers remember a token."""
        llama_cpp.llama_sampler_accept(self.pointer, token)

    def close(self) -> None:
        """Free them; harmless when called twice."""
        pointer, self._pointer = self._pointer, None
        if pointer is not None:
            llama_cpp.llama_sampler_free(pointer)

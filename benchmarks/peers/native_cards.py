"""Sizes one model on made-up cards through labkit's own native sizing: `python native_cards.py FILE ADDRESS`.

A child of placement_vs_fit.py: llama.cpp keeps every device it was ever told of, so each set of cards needs a process.
Answers each line {"placement": ..., "context": ...} on standard input with one line of memories.
"""

import ctypes
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any


class SizerOnCards:
    """The parent's end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout

    def size(self, placement: dict[str, Any], context: dict[str, Any]) -> list[dict[str, Any]]:
        """Memories with the fields of MemoryUse. Raises RuntimeError when llama.cpp refuses."""
        self._in.write(json.dumps({"placement": placement, "context": context}) + "\n")
        self._in.flush()
        line = self._out.readline()
        answer = json.loads(line) if line else {"error": "the child has ended"}
        if isinstance(answer, dict):
            raise RuntimeError(answer["error"])
        return answer


@contextmanager
def sizer_on_cards(model: Path, address: str) -> Iterator[SizerOnCards]:
    """A child that sizes `model`; the environment says which libraries it loads."""
    command = (sys.executable, str(Path(__file__)), str(model), address)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield SizerOnCards(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _add_devices(address: str) -> None:
    import llama_cpp

    from labkit.engine.native import library
    from labkit.engine.native.describe import Functions

    library.initialize()
    functions = Functions(llama_cpp)
    registry = functions.find("ggml_backend_reg_by_name", ctypes.c_void_p, ctypes.c_char_p)(b"RPC")
    address_of = functions.find("ggml_backend_reg_get_proc_address", *[ctypes.c_void_p] * 2, ctypes.c_char_p)
    add = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(address_of(registry, b"ggml_backend_rpc_add_server"))
    functions.find("ggml_backend_register", None, ctypes.c_void_p)(add(address.encode()))


def main() -> None:
    """The child's end."""
    from labkit.engine.native.sizing import ContextSize, PlacementSettings, SizedModel
    from labkit.errors import LabkitError

    logging.disable(logging.CRITICAL)
    path, address = Path(sys.argv[1]), sys.argv[2]
    _add_devices(address)
    for line in sys.stdin:
        request = json.loads(line)
        placement = request["placement"]
        placement["overrides"] = tuple(map(tuple, placement.get("overrides", ())))
        try:
            model = SizedModel(path, PlacementSettings(**placement))
            answer: Any = [asdict(use) for use in model.size(ContextSize(**request["context"]))]
            model.close()
        except LabkitError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

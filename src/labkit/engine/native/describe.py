"""Prints what the installed native core is and which devices it sees, as one line of JSON.

`python -m labkit.engine.native.describe`: run as a child process by `labkit doctor`, so that a core that crashes
while it loads, or that holds a GPU, takes only the child with it. Imports nothing of labkit, loads no model, and
exits with 0 also when the core does not load: "error" then says why.
"""

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# ggml-backend.h, enum ggml_backend_dev_type
_KINDS = ("cpu", "gpu", "igpu", "accel", "meta")
_LIBRARIES = ("*ggml.so", "*ggml-base.so", "*ggml.dylib", "*ggml-base.dylib", "*ggml.dll", "*ggml-base.dll")


def describe() -> dict[str, Any]:
    """The description; only "error" when the package is missing or its library does not load."""
    try:
        import llama_cpp
    except Exception as error:  # noqa: BLE001 - whatever a broken library raises is the answer
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    llama_cpp.llama_backend_init()
    functions = _Functions(llama_cpp)
    return {
        "version": llama_cpp.__version__,
        "ggml_version": functions.text("ggml_version"),
        "commit": functions.text("ggml_commit"),
        "system_info": llama_cpp.llama_print_system_info().decode(errors="replace"),
        "gpu_offload": bool(llama_cpp.llama_supports_gpu_offload()),
        "max_devices": llama_cpp.llama_max_devices(),
        "backends": list(_backends(functions)),
        "devices": list(_devices(functions)),
    }


class _Functions:
    """ggml's C functions, which llama_cpp does not bind: looked up in its library and the ones beside it."""

    def __init__(self, llama_cpp: ModuleType) -> None:
        default = Path(llama_cpp.__file__ or "").parent / "lib"
        folder = Path(os.environ.get("LLAMA_CPP_LIB_PATH") or default)
        # Opening a file that is loaded already gives the same library, with the same registry.
        self._libraries: list[ctypes.CDLL] = []
        for path in (path for pattern in _LIBRARIES for path in sorted(folder.glob(pattern))):
            with contextlib.suppress(OSError):
                self._libraries.append(ctypes.CDLL(str(path)))

    def find(self, name: str, result: Any, *arguments: Any) -> Any:
        """The function, or None when this build has no such one."""
        for library in self._libraries:
            function = getattr(library, name, None)
            if function is not None:
                function.restype, function.argtypes = result, arguments
                return function
        return None

    def text(self, name: str, argument: int | None = None) -> str | None:
        """What a function that returns a C string says."""
        arguments = () if argument is None else (ctypes.c_void_p,)
        function = self.find(name, ctypes.c_char_p, *arguments)
        value = function(*(() if argument is None else (argument,))) if function else None
        return value.decode(errors="replace") if value else None


def _backends(functions: _Functions) -> Iterator[str]:
    count = functions.find("ggml_backend_reg_count", ctypes.c_size_t)
    get = functions.find("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
    for index in range(count() if count and get else 0):
        if name := functions.text("ggml_backend_reg_name", get(index)):
            yield name


def _devices(functions: _Functions) -> Iterator[dict[str, Any]]:
    count = functions.find("ggml_backend_dev_count", ctypes.c_size_t)
    get = functions.find("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    kind = functions.find("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
    registry = functions.find("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)
    if not (count and get and kind and registry):
        return
    for device in (get(index) for index in range(count())):
        code = kind(device)
        free, total = _memory(functions, device)
        yield {
            "name": functions.text("ggml_backend_dev_name", device),
            "description": functions.text("ggml_backend_dev_description", device),
            "kind": _KINDS[code] if 0 <= code < len(_KINDS) else "unknown",
            "backend": functions.text("ggml_backend_reg_name", registry(device)),
            "free_bytes": free,
            "total_bytes": total,
        }


def _memory(functions: _Functions, device: int) -> tuple[int | None, int | None]:
    pointer = ctypes.POINTER(ctypes.c_size_t)
    ask = functions.find("ggml_backend_dev_memory", None, ctypes.c_void_p, pointer, pointer)
    if ask is None:
        return None, None
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    ask(device, ctypes.byref(free), ctypes.byref(total))
    return free.value, total.value


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe()) + "\n")

"""Prints what the installed native core is and which devices it sees, as one line of JSON.

`python -m labkit.engine.native.describe`: run as a child process by `labkit doctor`, so that a core that crashes
while it loads, or that holds a GPU, takes only the child with it. Imports nothing of labkit, loads no model, and
exits with 0 also when the core does not load: "error" then says why. The doctor runs it by its path, which spares the
imports of the packages around it.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# ggml-backend.h, enum ggml_backend_dev_type
_KINDS = ("cpu", "gpu", "igpu", "accel", "meta")
_PYTHON_LAYER = ("numpy", "jinja2", "diskcache", "typing_extensions")
_LIBRARIES = ("*ggml.so", "*ggml-base.so", "*ggml.dylib", "*ggml-base.dylib", "*ggml.dll", "*ggml-base.dll")


def describe() -> dict[str, Any]:
    """The description; only "error" when the package is missing or its library does not load."""
    try:
        llama_cpp, version = _load_bindings()
    except Exception as error:  # noqa: BLE001 - whatever a broken library raises is the answer
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    llama_cpp.llama_backend_init()
    functions = Functions(llama_cpp)
    return {
        "version": version,
        "ggml_version": functions.text("ggml_version"),
        "commit": functions.text("ggml_commit"),
        "system_info": llama_cpp.llama_print_system_info().decode(errors="replace"),
        "gpu_offload": bool(llama_cpp.llama_supports_gpu_offload()),
        "max_devices": llama_cpp.llama_max_devices(),
        "backends": list(_backends(functions)),
        "devices": list(_devices(functions)),
    }


def _load_bindings() -> tuple[ModuleType, str | None]:
    """(llama_cpp's C bindings, its version). Raises whatever the package raises when it is imported.

    Its Python layer takes four fifths of the time of importing it and is not needed here: the bindings are imported
    alone, and of what the layer imports only the presence is asked.
    """
    spec = importlib.util.find_spec("llama_cpp")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if "llama_cpp" in sys.modules or spec is None or not any((Path(f) / "llama_cpp.py").is_file() for f in folders):
        whole = importlib.import_module("llama_cpp")
        return whole, getattr(whole, "__version__", None)
    package = ModuleType("llama_cpp")
    package.__path__, package.__file__ = folders, spec.origin
    sys.modules["llama_cpp"] = package
    bindings = importlib.import_module("llama_cpp.llama_cpp")
    for name in _PYTHON_LAYER:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named '{name}'")
    stated = re.search(
        r"^__version__ = [\"']([^\"']+)", Path(spec.origin or "").read_text(encoding="utf-8"), re.MULTILINE
    )
    return bindings, stated[1] if stated else None


class Functions:
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


def _backends(functions: Functions) -> Iterator[str]:
    count = functions.find("ggml_backend_reg_count", ctypes.c_size_t)
    get = functions.find("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
    for index in range(count() if count and get else 0):
        if name := functions.text("ggml_backend_reg_name", get(index)):
            yield name


def _devices(functions: Functions) -> Iterator[dict[str, Any]]:
    count = functions.find("ggml_backend_dev_count", ctypes.c_size_t)
    get = functions.find("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    registry = functions.find("ggml_backend_dev_backend_reg", ctypes.c_void_p, ctypes.c_void_p)
    if not (count and get and registry):
        return
    for device in (get(index) for index in range(count())):
        free, total = _memory(functions, device)
        yield {
            "name": functions.text("ggml_backend_dev_name", device),
            "description": functions.text("ggml_backend_dev_description", device),
            "kind": device_kind(functions, device),
            "backend": functions.text("ggml_backend_reg_name", registry(device)),
            "free_bytes": free,
            "total_bytes": total,
            "pci_address": _pci_address(functions, device),
        }


def device_kind(functions: Functions, device: int) -> str:
    """One of cpu, gpu, igpu, accel, meta; "unknown" for what this version does not name."""
    ask = functions.find("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
    code = ask(device) if ask else -1
    return _KINDS[code] if 0 <= code < len(_KINDS) else "unknown"


def _memory(functions: Functions, device: int) -> tuple[int | None, int | None]:
    pointer = ctypes.POINTER(ctypes.c_size_t)
    ask = functions.find("ggml_backend_dev_memory", None, ctypes.c_void_p, pointer, pointer)
    if ask is None:
        return None, None
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    ask(device, ctypes.byref(free), ctypes.byref(total))
    return free.value, total.value


class _DeviceProperties(ctypes.Structure):
    """ggml-backend.h, struct ggml_backend_dev_props, with room for capabilities that later versions may add."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("capabilities", ctypes.c_uint8 * 64),
    )


def _pci_address(functions: Functions, device: int) -> str | None:
    """Such as "0000:03:00.0"; None where the backend does not tell."""
    # The field came shortly before the function `ggml_version`: in libraries without that, something else is there.
    if functions.find("ggml_version", ctypes.c_char_p) is None:
        return None
    ask = functions.find("ggml_backend_dev_get_props", None, ctypes.c_void_p, ctypes.POINTER(_DeviceProperties))
    if ask is None:
        return None
    properties = _DeviceProperties()
    ask(device, ctypes.byref(properties))
    return properties.device_id.decode(errors="replace") if properties.device_id else None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe()) + "\n")

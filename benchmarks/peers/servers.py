"""The servers that are compared, each with flags that mean the same."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from peers.build import CACHE, Peers
from peers.process import ServerPlan, shown_command

Layout = Literal["split", "unified"]
LAYOUTS: tuple[Layout, ...] = ("split", "unified")
# What the other package's server asks for, and labkit has not.
LLAMA_CPP_SERVER_NEEDS = (
    "pydantic-settings>=2.0.1", "python-dotenv", "sse-starlette>=1.6.1", "starlette-context>=0.3.6,<0.4",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """What both sides get. `context_tokens` is the sum over the slots."""

    context_tokens: int
    num_slots: int
    num_threads: int
    host_cache_mib: int = 0


def labkit(model: Path, size: Size, **options: str | bool) -> ServerPlan:
    """`labkit serve`; `options` are further ones of its command line, such as speculation="off"."""
    flags = [*("--ctx", str(size.context_tokens), "--slots", str(size.num_slots), "--threads", str(size.num_threads))]
    if size.host_cache_mib:
        flags += ["--host-cache", f"{size.host_cache_mib}MiB"]
    for name, value in options.items():
        flags += [f"--{name.replace('_', '-')}", *(() if value is True else (str(value),))]
    return _labkit(model, flags)


def labkit_defaults(model: Path) -> ServerPlan:
    """`labkit serve` as it comes."""
    return _labkit(model, [])


def _labkit(model: Path, flags: list[str]) -> ServerPlan:
    command = (sys.executable, "-m", "labkit", "serve", str(model), "--port", "{port}", *flags)
    return ServerPlan("labkit", command, "/v1/models", shown_command(("labkit", "serve", model, *flags)))


def llama_server(peers: Peers, model: Path, size: Size, layout: Layout) -> ServerPlan:
    """llama-server with its KV cache split by slot or unified; its prompt cache and idle-slot cache stay on."""
    flags = (
        *("-c", str(size.context_tokens), "-np", str(size.num_slots), "-kvu" if layout == "unified" else "-no-kvu"),
        *("-t", str(size.num_threads), "-tb", str(size.num_threads), "-b", "2048", "-ub", "512"),
        *("--cache-ram", str(size.host_cache_mib)),
    )
    return _llama_server(peers, model, f"llama-server {layout}", flags)


def llama_server_defaults(peers: Peers, model: Path, *flags: str) -> ServerPlan:
    """llama-server as it comes, but for `flags`."""
    return _llama_server(peers, model, "llama-server", flags)


def _llama_server(peers: Peers, model: Path, name: str, flags: tuple[str, ...]) -> ServerPlan:
    program = peers.program("llama-server")
    command = (str(program), "-m", str(model), "--host", "127.0.0.1", "--port", "{port}", "--offline", *flags)
    return ServerPlan(name, command, "/health", shown_command((program, "-m", model, *flags)))


def llama_cpp_server(model: Path, size: Size) -> ServerPlan:
    """llama-cpp-python's own server. A new request would cut off a running stream: that is turned off."""
    flags = (
        *("--n_ctx", str(size.context_tokens // size.num_slots), "--n_threads", str(size.num_threads)),
        *("--n_threads_batch", str(size.num_threads), "--interrupt_requests", "false"),
    )
    command = (sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--port", "{port}", *flags)
    shown = shown_command(("python -m llama_cpp.server --model", model, *flags))
    return ServerPlan("llama_cpp.server", command, "/v1/models", shown, {"PYTHONPATH": str(_llama_cpp_server_needs())})


def _llama_cpp_server_needs() -> Path:
    folder = CACHE / "llama_cpp_server"
    stamp = folder / "installed.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != list(LLAMA_CPP_SERVER_NEEDS):
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folder))
        subprocess.run((*pip, *LLAMA_CPP_SERVER_NEEDS), check=True, stdout=sys.stderr)
        stamp.write_text(json.dumps(LLAMA_CPP_SERVER_NEEDS))
    return folder

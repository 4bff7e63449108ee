"""llama.cpp's `llama-fit-params` on made-up cards: what it would do with a model there.

It is built with `-DGGML_RPC=ON` in a folder of its own, so that `peers.cards` can stand in for graphics cards.
"""

import contextlib
import importlib.metadata
import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers.build import CACHE, FLAGS, PeerError, build_targets, unpacked_source
from peers.cards import cards

PROGRAM = "llama-fit-params"
RPC_FLAGS = (*FLAGS, "-DGGML_RPC=ON")
_PARTS = {
    "ffn_(up|down|gate_up|gate)_(ch|)exps": "experts",
    "ffn_(gate|up|gate_up|down).*": "attention",
    "ffn_(gate|gate_up|down).*": "up",
    "ffn_down.*": "gate",
}


@dataclass(frozen=True, slots=True)
class FitAnswer:
    """What it printed.

    Attributes:
        gpu_layers: -1 for everything.
        shares: layers of each of several devices; () for one.
        partial: (layer, what is left of it on its device, where the rest goes) of each partial layer.
    """

    context_tokens: int
    gpu_layers: int
    shares: tuple[int, ...] = ()
    partial: tuple[tuple[int, str, str], ...] = ()


def ensure_fit_params(*, source: Path | None = None, jobs: int = 2) -> Path:
    """Folder of the program and its libraries, built first where they are missing. Raises PeerError."""
    home = CACHE / importlib.metadata.version("llama-cpp-python")
    folder, stamp = home / "build-rpc" / "bin", home / "built-rpc.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != list(RPC_FLAGS):
        home.mkdir(parents=True, exist_ok=True)
        build_targets(source or unpacked_source(home), home / "build-rpc", RPC_FLAGS, (PROGRAM,), jobs)
        stamp.write_text(json.dumps(RPC_FLAGS))
    return folder


def fit_params(folder: Path, model: Path, free_bytes: Sequence[int], *options: str) -> FitAnswer:
    """Its answer for cards of these sizes. Raises PeerError when it gives none."""
    with cards(free_bytes) as address:
        command = (folder / PROGRAM, "-m", model, "--rpc", address, *options)
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"{PROGRAM} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return parse_answer(done.stdout)


def parse_answer(text: str) -> FitAnswer:
    """From "-c 4096 -ngl 49 -ts 31,18 -ot "blk...=CPU,..."". Raises PeerError."""
    match = re.search(r'-c (\d+) -ngl (-?\d+)(?: -ts (\S+))?(?: -ot "(.*)")?', text)
    if match is None:
        raise PeerError(f"{PROGRAM} printed {text!r}")
    partial = re.findall(r"blk\\\.(\d+)\\\.(.+?)=(\w+)(?:\[[^\]]*\])?(?:,|$)", match[4] or "")
    return FitAnswer(
        int(match[1]),
        int(match[2]),
        tuple(int(part) for part in match[3].split(",")) if match[3] else (),
        tuple(
            (int(layer), _PARTS.get(str(part)) or str(part), str(place).rstrip("0123456789"))
            for layer, part, place in partial
        ),
    )


@contextlib.contextmanager
def libraries_of(folder: Path) -> Iterator[None]:
    """Child processes load the native core from `folder`."""
    before = os.environ.get("LLAMA_CPP_LIB_PATH")
    os.environ["LLAMA_CPP_LIB_PATH"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LLAMA_CPP_LIB_PATH"]
        else:
            os.environ["LLAMA_CPP_LIB_PATH"] = before

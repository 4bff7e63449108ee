"""Asks the installed native core what a local file takes: its own accounting, nothing is allocated.

The core runs in a child process (`labkit.engine.native.size`), so a file that kills it, or a core that does not load,
is an answer here and no crash.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.errors import NativeError
from labkit.estimate.memory import ContextSettings

COMMAND = (sys.executable, "-P", "-m", "labkit.engine.native.size")
TIMEOUT_SECONDS = 60.0
SECONDS_PER_CONTEXT = 10.0  # recurrent state is allocated and cleared even so: gigabytes for some models
_HINT = "the estimate from the file's header stands"


@dataclass(frozen=True, slots=True)
class NativeUse:
    """What model and context take of one memory, in bytes.

    Attributes:
        memory: llama.cpp's name of the buffer type ("CPU", "CUDA0", "CUDA_Host").
        device: the device it belongs to; "CPU" for all of system memory.
        kind: cpu, gpu, igpu, accel.
    """

    memory: str
    device: str
    kind: str
    model_bytes: int
    context_bytes: int
    compute_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.model_bytes + self.context_bytes + self.compute_bytes


@dataclass(frozen=True, slots=True)
class NativeSize:
    """One context of one file. Rows of logits (`output_bytes`) come on top: llama.cpp does not count them."""

    uses: tuple[NativeUse, ...]

    def on(self, device: str) -> NativeUse:
        """Everything on one device, all zeros when there is nothing."""
        found = [use for use in self.uses if use.device == device]
        return _sum(device, found)

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices in use, system memory ("CPU") last."""
        names = dict.fromkeys(use.device for use in self.uses if use.total_bytes)
        return (*(name for name in names if name != "CPU"), *(["CPU"] if "CPU" in names else []))

    @property
    def total(self) -> NativeUse:
        """Over all devices: what a machine with one memory needs."""
        return _sum("all", self.uses)


@dataclass(frozen=True, slots=True)
class NativePlacement:
    """Where the weights go.

    Attributes:
        gpu_layers: the last so many layers, the head counted as one; -1 for all (`n_gpu_layers`).
        overrides: (pattern of tensor names, device) pairs for tensors that go elsewhere; "CPU" is system memory.
        tensor_split: shares of the devices; () splits by free memory.
    """

    gpu_layers: int = -1
    overrides: tuple[tuple[str, str], ...] = ()
    tensor_split: tuple[float, ...] = ()


def size_natively(
    path: Path, contexts: Sequence[ContextSettings], placement: NativePlacement | None = None
) -> tuple[NativeSize | None, ...]:
    """What `path` takes with each of `contexts`; None for one that llama.cpp refuses. Blocks for about a second.

    Raises NativeError when the core cannot say: it does not load, dies of the file, refuses it, or is of a build
    that cannot be asked.
    """
    where = placement or NativePlacement()
    request = {
        "placement": {
            "gpu_layers": where.gpu_layers,
            "overrides": where.overrides,
            "tensor_split": where.tensor_split,
        },
        "contexts": [_settings(context) for context in contexts],
    }
    answer = _ask(path, request, TIMEOUT_SECONDS + SECONDS_PER_CONTEXT * len(contexts))
    if "error" in answer:
        raise NativeError(f"the native core cannot size {path.name}: {answer['error']}", hint=_HINT)
    return tuple(parse_size(entry) for entry in answer["sizes"])


def parse_size(entry: Any) -> NativeSize | None:
    """From one entry of the child's answer; None for a refusal."""
    if not isinstance(entry, list):
        return None
    return NativeSize(tuple(NativeUse(**use) for use in entry))


def _ask(path: Path, request: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
    try:
        done = subprocess.run(
            (*COMMAND, str(path)),
            input=json.dumps(request),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_seconds,
            env=os.environ | {"GGML_NO_BACKTRACE": "1"},  # an abort would start a debugger
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeError(f"the native core did not size {path.name}: {error}", hint=_HINT) from error
    # Backends may print while they start (CUDA does): the answer is the last line.
    line = done.stdout.strip().rpartition("\n")[2]
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if done.returncode or not isinstance(answer, dict) or not {"sizes", "error"} & answer.keys():
        raise NativeError(f"the native core ended with {done.returncode} while it sized {path.name}", hint=_HINT)
    return answer


def _settings(context: ContextSettings) -> dict[str, Any]:
    return {
        "context_tokens": context.context_tokens,
        "num_sequences": context.num_sequences,
        "ubatch_tokens": context.ubatch_tokens,
        "flash_attention": "on" if context.flash_attention else "off",
        "kv_type": context.kv_type,
        "value_type": context.values_as,
        "unified": context.unified,
        "full_window_cache": context.full_window_cache,
        "max_outputs": context.num_outputs,
    }


def _sum(device: str, uses: Sequence[NativeUse]) -> NativeUse:
    return NativeUse(
        memory=device,
        device=device,
        kind=uses[0].kind if uses else "cpu",
        model_bytes=sum(use.model_bytes for use in uses),
        context_bytes=sum(use.context_bytes for use in uses),
        compute_bytes=sum(use.compute_bytes for use in uses),
    )

"""Runs the calibration's models on one device and prints what they took. `calibrate` runs `main` in a child process.

It prints one JSON object a line: {"share": 0.4, "doing": "Q6_K"} while it works, {"calibration": {...}} at the end.
A process of its own gives the memory back, and a core that crashes takes only the child with it.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from labkit.bench.calibration_models import (
    ESSENTIAL_TYPES,
    FURTHER_TYPES,
    REQUIRED_THIN,
    THIN_MODELS,
    THIN_TYPE,
    ThinName,
    fat_bytes,
    fat_plan,
    prompt_parameters,
    uniform_plan,
)
from labkit.bench.calibration_terms import FatTiming, Timing, device_calibration
from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.engine.native.threads import OtherPrograms
from labkit.engine.synthetic import SyntheticPlan, write_synthetic
from labkit.hardware.calibration import MOST_SPREAD, DeviceCalibration

PROMPT_TOKENS = 64
LEAST_TOKENS, MOST_TOKENS = 6, 48
SECONDS_PER_DECODE = 0.12
WARM_UP_TOKENS = 2
MOST_DISPERSION = 1.25
"""Of a token's times, third quarter over first; more means that others were at work, and it is measured once more."""
MOST_ATTEMPTS = 3
SLOW_SECONDS = 0.5
"""What takes so long is not measured again."""
DISTURBING_CORES = 0.2
"""Others that kept so much of the cores busy changed a time."""
DISTURBED_SPREAD = 0.3
LATE = 1.3
"""After so many times the time, as on a busy machine, only what is indispensable is measured."""
Report = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class CalibrationTask:
    """What the child is to do.

    Attributes:
        device: name of the result; `gpu_layers` -1 puts everything on the accelerator.
        folder: where the models are written; each is deleted after its run.
        seconds: time for everything: further types are left out when it is over.
    """

    device: str
    threads: int
    gpu_layers: int
    cache_bytes: int | None
    folder: str
    seconds: float


def run_calibration(task: CalibrationTask, report: Report = lambda _share, _doing: None) -> DeviceCalibration:
    """Measure one device. Blocks about `task.seconds`, less when all types are done.

    Raises ModelLoadError or DataFolderError when a model cannot be written or loaded.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=task.folder, prefix="calibration-") as folder:
        bench = _Bench(task, Path(folder), lambda doing: report(_share(started, task.seconds), doing))
        fat = {name: bench.fat(name) for name in ESSENTIAL_TYPES}
        thin: dict[ThinName, Timing] = {name: bench.thin(name) for name in REQUIRED_THIN}
        late = started + LATE * task.seconds
        for name in THIN_MODELS:
            if name not in thin and time.monotonic() < late:
                thin[name] = bench.thin(name)
        # The essential types come again at the end, which takes as long as the first time.
        reserve = 1.2 * sum(bench.seconds[name] for name in ESSENTIAL_TYPES)
        for name in FURTHER_TYPES:
            slowest = max(bench.seconds.values())
            if time.monotonic() - started + reserve + slowest < task.seconds:
                fat[name] = bench.fat(name)
        again = {name: bench.fat(name) for name in ESSENTIAL_TYPES if time.monotonic() < late}
    threads = task.threads if task.gpu_layers == 0 else None
    found = device_calibration(task.device, threads, fat, thin, again)
    disturbed = bench.num_disturbed / bench.num_timed
    return replace(
        found,
        cache_bytes=task.cache_bytes if task.gpu_layers == 0 else None,
        spread=round(min(found.spread + DISTURBED_SPREAD * disturbed, MOST_SPREAD), 4),
    )


class _Bench:
    """Writes, loads, times and deletes one model after the other."""

    def __init__(self, task: CalibrationTask, folder: Path, say: Callable[[str], None]) -> None:
        self._task, self._folder, self._say = task, folder, say
        self._bytes = fat_bytes(task.cache_bytes, accelerator=task.gpu_layers != 0)
        self.seconds: dict[str, float] = {}
        self.num_timed = self.num_disturbed = 0
        self._late = time.monotonic() + LATE * task.seconds

    def fat(self, tensor_type: str) -> FatTiming:
        """Wide layers of that type, decode and prefill."""
        self._say(tensor_type)
        started = time.monotonic()
        plan = fat_plan(tensor_type, self._bytes)
        timing = self._time(plan, depth=0)
        self.seconds[tensor_type] = time.monotonic() - started
        return FatTiming(timing, plan.weight_bytes, prompt_parameters(plan), plan.shape.num_layers)

    def thin(self, name: ThinName) -> Timing:
        """A thin model, at its depth as well."""
        self._say(name)
        model = THIN_MODELS[name]
        return self._time(uniform_plan(model.shape, THIN_TYPE), depth=model.depth)

    def _time(self, plan: SyntheticPlan, *, depth: int) -> Timing:
        self.num_timed += 1
        path = write_synthetic(plan, self._folder / "model.gguf")
        model = NativeModel(path, gpu_layers=self._task.gpu_layers)
        try:
            cells = depth + MOST_ATTEMPTS * MOST_TOKENS + WARM_UP_TOKENS + PROMPT_TOKENS
            context = NativeContext(
                model, context_tokens=cells, batch_tokens=max(depth, PROMPT_TOKENS), num_threads=self._task.threads
            )
            try:
                return self._undisturbed(context, depth)
            finally:
                context.close()
        finally:
            model.close()
            path.unlink()

    def _undisturbed(self, context: NativeContext, depth: int) -> Timing:
        """A timing while others leave the cores alone; after two attempts the faster one, and it is counted."""
        found = []
        for _ in range(2):
            others = OtherPrograms()
            found.append(_timing(context, depth))
            if others.busy_cores() < DISTURBING_CORES:
                return found[-1]
            if time.monotonic() > self._late:
                break
        self.num_disturbed += 1
        return min(found, key=lambda timing: timing.decode)


def _timing(context: NativeContext, depth: int) -> Timing:
    _prompt(context, WARM_UP_TOKENS)
    decode = _decode(context, WARM_UP_TOKENS)
    prompts = [_prompt(context, PROMPT_TOKENS)]
    if prompts[0] < SLOW_SECONDS:
        prompts.append(_prompt(context, PROMPT_TOKENS))
    prefill = min(prompts) / PROMPT_TOKENS
    if not depth:
        return Timing(decode, prefill)
    deep_prefill = _prompt(context, depth) / depth
    return Timing(decode, prefill, _decode(context, depth), deep_prefill)


def _prompt(context: NativeContext, num_tokens: int) -> float:
    """Seconds of a prompt in an empty cache."""
    context.clear()
    start = time.perf_counter()
    context.forward_tokens([token % 256 for token in range(num_tokens)], 0)
    context.synchronize()
    return time.perf_counter() - start


def _decode(context: NativeContext, position: int) -> float:
    """Seconds of a token from `position` on: the median of the steadiest of some attempts."""
    best = float("inf")
    for _ in range(MOST_ATTEMPTS):
        # Not from the same place again: recurrent models cannot go back.
        samples = _samples(context, position)
        position += len(samples)
        best = min(best, statistics.median(samples))
        first, _, third = statistics.quantiles(samples, n=4)
        if third <= MOST_DISPERSION * first or sum(samples) > SLOW_SECONDS:
            break
    return best


def _samples(context: NativeContext, position: int) -> list[float]:
    samples: list[float] = []
    deadline = time.perf_counter() + SECONDS_PER_DECODE
    while len(samples) < MOST_TOKENS and (len(samples) < LEAST_TOKENS or time.perf_counter() < deadline):
        start = time.perf_counter()
        context.forward_token(len(samples), position + len(samples))
        context.synchronize()
        samples.append(time.perf_counter() - start)
    return samples


def _share(started: float, seconds: float) -> float:
    return min((time.monotonic() - started) / seconds, 1.0)


def main() -> None:
    """Entry of the child process."""

    def say(document: object) -> None:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()

    task = CalibrationTask(**json.loads(sys.argv[1]))
    found = run_calibration(task, lambda share, doing: say({"share": share, "doing": doing}))
    say({"calibration": asdict(found)})


if __name__ == "__main__":
    main()

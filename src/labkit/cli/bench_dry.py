"""`labkit bench core --dry`: writes the imitation, says what it is, and what becomes of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.cli import output
from labkit.units import render_bandwidth, render_bytes

if TYPE_CHECKING:
    from labkit.bench import CoreBench, DryModel
    from labkit.settings import Settings


@contextmanager
def imitated(name: str, settings: "Settings", bench: "CoreBench", *, keep: bool) -> Iterator[Path]:
    """A file in the shape of the known model `name`, for as long as it is measured; then it is kept or deleted.

    Memory is asked before anything is written. Raises what `find_dry_model`, `require_fit` and `write_dry_model` do.
    """
    from labkit.bench import find_dry_model

    dry = find_dry_model(name, settings)
    _require_fit(dry, settings, bench)
    try:
        if not dry.is_written:
            _write(dry)
        yield dry.path
        _explain(dry, keep=keep)
    finally:
        if not keep:
            dry.path.unlink(missing_ok=True)


def _require_fit(dry: "DryModel", settings: "Settings", bench: "CoreBench") -> None:
    from labkit.bench import require_fit
    from labkit.estimate import ContextSettings, machine_from_profile
    from labkit.hardware import detect_hardware

    tokens = max(test.num_tokens + test.depth for test in bench.tests)
    machine = machine_from_profile(detect_hardware(settings, measure=False))
    require_fit(dry, machine, ContextSettings(tokens, ubatch_tokens=bench.ubatch_tokens))


def _write(dry: "DryModel") -> None:
    from labkit.bench import write_dry_model

    started = time.monotonic()
    doing = f"writing an imitation of {dry.model.id}"
    with output.talk().status(doing) as status:
        write_dry_model(
            dry, lambda done, total: status.update(f"{doing}: {render_bytes(done)} of {render_bytes(total)}")
        )
    rate = dry.path.stat().st_size / (time.monotonic() - started)
    error = "" if dry.size_error is None else f"; its size is {dry.size_error:+.2%} off the estimate"
    output.talk().print(f"wrote {dry.path.name} at {render_bandwidth(rate)}{error}", style="dim", soft_wrap=True)


def _explain(dry: "DryModel", *, keep: bool) -> None:
    talk = output.talk()
    what = f"{dry.model.id} at {dry.plan.quantization}"
    talk.print(f"Random weights in the shape of {what}: its speed, not its answers.", soft_wrap=True)
    if keep:
        size = render_bytes(dry.path.stat().st_size)
        talk.print(f"The file stays for the next time and takes {size}; delete it with: rm {dry.path}", soft_wrap=True)

"""`labkit bench core --dry`: writes the imitation, says what it is, and what becomes of it."""

import time
from typing import TYPE_CHECKING

from labkit.cli import output
from labkit.units import render_bandwidth, render_bytes

if TYPE_CHECKING:
    from labkit.bench import CoreTest, DryModel
    from labkit.settings import Settings


def prepare_dry(name: str, settings: "Settings", tests: tuple["CoreTest", ...], ubatch: int) -> "DryModel":
    """The imitation of a known model, written if it is not there. Raises what `find_dry_model` and its like raise.

    Memory is asked before anything is written.
    """
    from labkit.bench import find_dry_model, require_fit, write_dry_model
    from labkit.estimate import ContextSettings, machine_from_profile
    from labkit.hardware import detect_hardware

    dry = find_dry_model(name, settings)
    tokens = max((test.num_tokens + test.depth for test in tests), default=1)
    machine = machine_from_profile(detect_hardware(settings, measure=False))
    require_fit(dry, machine, ContextSettings(tokens, ubatch_tokens=ubatch))
    if not dry.is_written:
        started = time.monotonic()
        with output.talk().status(f"writing an imitation of {dry.model.id}") as status:
            write_dry_model(
                dry,
                lambda done, total: status.update(
                    f"writing an imitation of {dry.model.id}: {render_bytes(done)} of {render_bytes(total)}"
                ),
            )
        rate = dry.path.stat().st_size / (time.monotonic() - started)
        output.talk().print(f"wrote {dry.path.name} at {render_bandwidth(rate)}", style="dim")
    return dry


def finish_dry(dry: "DryModel", *, keep: bool) -> None:
    """Say what was measured, and keep or delete the file."""
    talk = output.talk()
    what = f"{dry.model.id} at {dry.plan.quantization}"
    talk.print(f"Random weights in the shape of {what}: its speed, not its answers.", soft_wrap=True)
    if keep:
        size = render_bytes(dry.path.stat().st_size)
        talk.print(f"The file stays for the next time and takes {size}; delete it with: rm {dry.path}", soft_wrap=True)
    else:
        dry.path.unlink(missing_ok=True)
        talk.print("The file is deleted again.")

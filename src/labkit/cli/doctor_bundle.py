"""`labkit doctor --bundle FILE`: what this machine says, redacted, for a report to others."""

from pathlib import Path

from labkit import __version__
from labkit.cli import output

_SHOWN_FILES = 60


def write(path: Path, *, force: bool, as_json: bool) -> None:
    """Collect, redact and write; then say what is inside. Blocks some seconds. Raises InputError."""
    from labkit.hardware.capture import bundle
    from labkit.hardware.detect import probe_machine
    from labkit.hardware.source import SystemSource

    bundle.check_target(path, force=force)
    with output.talk().status("looking over this machine") as status:
        recording = bundle.collect(
            SystemSource(), probe_machine, progress=lambda command: status.update(f"running {command}")
        )
        written = bundle.write_bundle(path, bundle.redacted_files(recording, __version__))
    if as_json:
        output.print_json({"bundle": str(written.path), "files": written.files})
        return
    console = output.console()
    console.print(f"{written.path}: {len(written.files)} files", style="bold")
    for name, size in list(written.files.items())[:_SHOWN_FILES]:
        console.print(f"  {size:>8}  {name}", soft_wrap=True)
    if len(written.files) > _SHOWN_FILES:
        console.print(f"  and {len(written.files) - _SHOWN_FILES} more")
    console.print(
        "Serial numbers, ids, addresses, names and running programs were removed by rules, and rules miss things: "
        "look through it before you share it."
    )
    console.print(f"-> labkit doctor --replay {written.path}", soft_wrap=True)

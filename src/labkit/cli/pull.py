"""`labkit pull`: get a model, see first what it is, and have it checked before it can be served."""

import contextlib
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from labkit.cli import output
from labkit.cli.errors import INTERRUPTED
from labkit.errors import UnavailableError
from labkit.units import render_bandwidth, render_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.estimate import Machine
    from labkit.pull import PullPlan, PullProgress
    from labkit.settings import Settings
    from labkit.store import Manifest, Store


def pull(
    name: str = typer.Argument(
        metavar="MODEL", help="qwen3-8b, qwen3-8b:Q4_K_M, hf:org/repo:Q4_K_M@revision, an address, or a .gguf file."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would be downloaded, and how it would run."),
    projector: bool = typer.Option(True, help="Also get the file that lets the model see, where there is one."),
    force: bool = typer.Option(False, "--force", help="Try a file again that was refused before."),
    as_json: bool = typer.Option(False, "--json", help="Print the plan, or the model's manifest, as JSON."),
) -> None:
    """Download a model into the store, resumed where it stopped, checked against its hash, and tried.

    Exits with 69 when the hub cannot be reached, with 65 when the file is not what it should be.

    Example: labkit pull qwen3-8b --dry-run
    """
    from dataclasses import replace
    from pathlib import Path

    from labkit.settings import load_settings
    from labkit.store import open_store

    settings = load_settings()
    store = open_store(settings)
    if _is_file(name):
        manifest = _import(Path(name).expanduser(), store)
    else:
        machine = _machine(settings)
        plan = _plan(name, settings, store, machine, with_projector=projector)
        if dry_run and as_json:
            output.print_json(replace(plan, beginning=b""))
            return
        if not as_json:
            _print_plan(plan)
        if dry_run:
            return
        manifest = _carry_out(name, plan, store, force=force)
    if as_json:
        output.print_json(manifest)
    else:
        _print_done(manifest)


def _is_file(name: str) -> bool:
    from pathlib import Path

    is_remote = name.startswith(("hf:", "http://", "https://"))
    return name.endswith(".gguf") and not is_remote and Path(name).expanduser().is_file()


def _machine(settings: "Settings") -> "Machine":
    from labkit.estimate import machine_from_profile
    from labkit.hardware import detect_hardware

    return machine_from_profile(detect_hardware(settings, measure=False))


def _plan(name: str, settings: "Settings", store: "Store", machine: "Machine", *, with_projector: bool) -> "PullPlan":
    from labkit.pull import find_wanted, make_plan

    wanted = find_wanted(name, settings, machine)
    try:
        with output.status(f"asking the hub for {wanted.hub.repo}"):
            return make_plan(wanted, store, machine, with_projector=with_projector)
    except UnavailableError as error:
        here = [found.name for found in store.list().manifests if found.repo == wanted.hub.repo]
        if not here:
            raise
        raise type(error)(error.message, hint=f"{' and '.join(here)} is here: labkit serve {here[0]}") from error


def _import(path: "Path", store: "Store") -> "Manifest":
    from labkit.pull.import_file import import_file

    with output.status(f"reading {path.name}"):
        return import_file(path, store)


def _print_plan(plan: "PullPlan") -> None:
    repository = plan.repository
    licence = repository.license or (plan.known.license if plan.known else None) or "not stated"
    rows = [
        ("model", plan.name),
        ("from", f"{repository.name} at {repository.commit[:12]}"),
        ("files", ", ".join(file.name for file in plan.all_files)),
        ("license", licence),
        ("size", _size_line(plan)),
        ("here", _verdict(plan)),
    ]
    rows += [("note", note) for note in plan.notes]
    for label, value in rows:
        output.talk().print(f"  {label:<9}{value}", soft_wrap=True)


def _size_line(plan: "PullPlan") -> str:
    size = render_bytes(plan.size_bytes)
    if plan.missing_bytes < plan.size_bytes:
        size += f", {render_bytes(plan.missing_bytes)} to fetch" if plan.missing_bytes else ", all of it is here"
    return size + (f"; {render_bytes(plan.free_bytes)} of disk free" if plan.free_bytes is not None else "")


def _verdict(plan: "PullPlan") -> str:
    placement = plan.placement
    if placement is None:
        return "how it would run cannot be told: its shape is not known"
    if placement.fit == "no":
        return f"it does not fit this machine: {placement.reason}"
    speed = placement.speed
    rate = f", about {speed.low:.0f} to {speed.high:.0f} tok/s" if speed else ""
    low, high = render_bytes(placement.memory.low), render_bytes(placement.memory.high)
    context = f"{placement.context.context_tokens:,} tokens of context"
    return f"{placement.fit} on {placement.device}: {low} to {high} with {context}{rate}"


def _carry_out(name: str, plan: "PullPlan", store: "Store", *, force: bool) -> "Manifest":
    from labkit.pull import carry_out, try_model

    fits = plan.placement is None or plan.placement.fit != "no"
    with PullBar() as bar, _ctrl_c(name, plan, store, bar):
        manifest = carry_out(plan, store, bar.show, force=force, trial=try_model if fits else None)
    if not fits:
        output.talk().print("Not tried with a prompt: it does not fit this machine.", style="yellow", soft_wrap=True)
    return manifest


@contextlib.contextmanager
def _ctrl_c(name: str, plan: "PullPlan", store: "Store", bar: "PullBar") -> Iterator[None]:
    """Ctrl-C says what is here and what to type.

    It ends a download at once: what arrived is written already, and a connection that hangs would be waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        if bar.is_checking:  # a process has to be ended first
            raise KeyboardInterrupt
        bar.fall_silent()
        _say_stopped(name, plan, store)
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except KeyboardInterrupt:
        _say_stopped(name, plan, store)
        raise SystemExit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGINT, before)


def _say_stopped(name: str, plan: "PullPlan", store: "Store") -> None:
    from labkit.pull.plan import disk_facts

    here = plan.size_bytes - disk_facts(plan, store).missing_bytes
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # the bar hides it
    text = (
        f"{cursor}\nstopped: {render_bytes(here)} of {render_bytes(plan.size_bytes)} are here and stay\n"
        f"  -> go on with: labkit pull {shlex.quote(name)}\n"
    )
    os.write(2, text.encode())  # sys.stderr belongs to the bar


class PullBar:
    """The progress of a pull: a bar on a terminal, a line every tenth elsewhere."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = output.talk()
        self._bar = Progress(
            TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[amount]}"), TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
            console=self._console, transient=True, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("fetching", total=None, amount="", rate="")
        self._told = 0
        self._trouble = ""
        self.is_checking = False

    def fall_silent(self) -> None:
        """Draw nothing more. May be called from a signal handler."""
        self._console.quiet = True

    def __enter__(self) -> "PullBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: "PullProgress") -> None:
        """Draw it."""
        self.is_checking = progress.checking
        doing = "checking, with a trial prompt" if progress.checking else progress.file
        if progress.waiting_for is not None:
            doing = f"process {progress.waiting_for} fetches it"
        if progress.trouble and progress.trouble != self._trouble:
            self._console.print(f"  {progress.trouble}; trying again", style="yellow", soft_wrap=True)
        self._trouble = progress.trouble
        amount = f"{render_bytes(progress.received_bytes)} of {render_bytes(progress.size_bytes)}"
        self._bar.update(
            self._task, description=doing, completed=progress.received_bytes, total=progress.size_bytes, amount=amount
        )
        speed = self._bar.tasks[0].speed
        self._bar.update(self._task, rate=render_bandwidth(speed) if speed else "")
        tenth = progress.received_bytes * 10 // max(progress.size_bytes, 1)
        if not self._console.is_terminal and tenth > self._told and not progress.checking:
            self._told = tenth
            self._console.print(f"  {tenth * 10} %  {amount}", soft_wrap=True)


def _print_done(manifest: "Manifest") -> None:
    checked = manifest.checked
    tried = "; it answered a trial prompt" if checked and checked.prompt_tokens else ""
    talk = output.talk()
    talk.print(f"{manifest.name} is here, {render_bytes(manifest.size_bytes)}, sha256 right{tried}.", soft_wrap=True)
    talk.print(f"Run it with: labkit serve {manifest.name}", soft_wrap=True)

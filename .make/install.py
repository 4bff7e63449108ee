"""Sets up .venv for the Makefile: checks what must be there, installs labkit, and shows how far it is.

    python3 .make/install.py [--extras dev,tune]

Standard library only. Does nothing when nothing has changed since the last time.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOG = VENV / "install.log"
OLDEST_PYTHON = (3, 11)
COMPILERS = ("c++", "g++", "clang++", "cl")
NATIVE_CORE = "llama-cpp-python"
COMPILER_HINTS = {
    "Darwin": "xcode-select --install",
    "Windows": "winget install Microsoft.VisualStudio.2022.BuildTools   (with the C++ workload)",
}
LINUX_HINTS = {
    "apt-get": "sudo apt-get install -y g++",
    "dnf": "sudo dnf install -y gcc-c++",
    "pacman": "sudo pacman -S --needed gcc",
    "zypper": "sudo zypper install -y gcc-c++",
    "apk": "sudo apk add g++ musl-dev linux-headers",
}


def main() -> int:
    """Check, install, report. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--extras", default="", help="extras of pyproject.toml, with commas")
    extras = parser.parse_args().extras
    needed = ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info < OLDEST_PYTHON:
        return fail(
            f"labkit needs Python {needed} or newer, this is {platform.python_version()}",
            "install a newer Python, then name it: make PYTHON=python3.12 ...",
        )
    stamp = VENV / f".installed-{extras.replace(',', '-') or 'base'}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint():
        return 0
    if not (VENV / "pyvenv.cfg").is_file() and not make_environment():
        return fail("Python's venv module is missing", "on Debian and Ubuntu: sudo apt-get install -y python3-venv")
    if not has_native_core() and not any(map(shutil.which, COMPILERS)):
        return fail("a C++ compiler is missing: the native core is built on this machine", compiler_hint())
    code = install(extras)
    if code == 0:
        stamp.write_text(fingerprint(), encoding="utf-8")
    return code


def fingerprint() -> str:
    """Changes when what is to be installed changes."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join(parts) + platform.python_version().encode()).hexdigest()


def make_environment() -> bool:
    """Create .venv; False when Python cannot."""
    say("making .venv")
    return subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode == 0


def environment_python() -> Path:
    """The interpreter inside .venv."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def has_native_core() -> bool:
    """Whether the native core is installed already."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('llama_cpp') is None)"
    return subprocess.run([str(environment_python()), "-c", code], check=False).returncode == 0


def compiler_hint() -> str:
    """What to type on this system to get a compiler."""
    if platform.system() != "Linux":
        return COMPILER_HINTS.get(platform.system(), "install g++ or clang++")
    return next((hint for tool, hint in LINUX_HINTS.items() if shutil.which(tool)), "install g++ or clang++")


def install(extras: str) -> int:
    """Run pip with its output in a log file, and show where it stands. Returns pip's exit code."""
    target = f"{ROOT}[{extras}]" if extras else str(ROOT)
    command = [str(environment_python()), "-m", "pip", "install", "--verbose", "--disable-pip-version-check"]
    command += ["--constraint", str(ROOT / "constraints.txt"), "--editable", target]
    if not has_native_core():
        say(f"installing; {NATIVE_CORE} is built from source the first time, which takes 2 to 8 minutes")
    started = time.monotonic()
    with LOG.open("w", encoding="utf-8") as log:
        # Every core for the build, unless the caller has chosen.
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
        environment = {**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": jobs}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            follow(process, started)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            say("\nstopped; the next make goes on from here")
            return 130
    if process.returncode:
        tail = LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return fail("the installation failed; its last lines:\n    " + "\n    ".join(tail), f"the whole log: {LOG}")
    say(f"installed in {round(time.monotonic() - started)} s")
    return 0


def follow(process: "subprocess.Popen[bytes]", started: float) -> None:
    """Print a line when the step changes, on a terminal also the seconds; ends with the process."""
    shown, printed = "", 0.0
    live = sys.stdout.isatty()
    while process.poll() is None:
        time.sleep(0.5)
        step, now = current_step(), time.monotonic()
        if live:
            print(f"\r\033[K  {round(now - started):4d} s  {step}"[:100], end="", flush=True)  # noqa: T201
        elif step != shown and now - printed > 10:
            say(f"  {round(now - started):4d} s  {step}")
            shown, printed = step, now
    if live:
        print("\r\033[K", end="", flush=True)  # noqa: T201


def current_step() -> str:
    """What pip is doing, read from the end of its log."""
    with LOG.open("rb") as log:
        log.seek(max(0, LOG.stat().st_size - 20_000))
        lines = log.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if match := re.search(r"\[(\d+)/(\d+)\]", line):
            return f"building {NATIVE_CORE}: {match[1]} of {match[2]} files"
        if match := re.match(r"\s*(Collecting|Downloading|Processing|Installing collected packages)\b:?\s*(\S+)", line):
            return f"{match[1].lower()} {match[2].rsplit('/', 1)[-1].rstrip(',')}"
    return "starting"


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)  # noqa: T201


def fail(problem: str, remedy: str) -> int:
    """Say what is wrong and what to do."""
    print(f"error: {problem}\n  -> {remedy}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())

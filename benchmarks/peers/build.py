"""Build llama-server, llama-bench and llama-batched-bench from the installed llama-cpp-python's own source.

    python benchmarks/peers/build.py [--source FOLDER] [--jobs N]

Engine and peers are then the same commit of llama.cpp with the same kernels. The source distribution comes from the
package index and from nowhere else; nothing is fetched while building. What was built stays in benchmarks/peers/.build.
`--source` takes an unpacked llama.cpp (`vendor/llama.cpp` of the source distribution) and downloads nothing.
"""

import argparse
import importlib.metadata
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = ("llama-server", "llama-bench", "llama-batched-bench")
CACHE = Path(__file__).parent / ".build"
# The wheel's own build sets a Release build and no curl; the rest leaves out what needs a network or is not used.
FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
    "-DCMAKE_INSTALL_RPATH=$ORIGIN", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_CURL=OFF",
)  # fmt: skip
SAME = ("ggml_version", "commit", "system_info", "backends")


class PeerError(RuntimeError):
    """A peer cannot be built, or is not comparable."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Programs that were built, and what they are.

    Attributes:
        flags: of cmake.
        facts: ggml version, commit, system_info, backends: the installed wheel's too, or there is no comparison.
    """

    folder: Path
    flags: tuple[str, ...]
    facts: dict[str, Any]

    def program(self, name: str) -> Path:
        """Path of one of PROGRAMS."""
        return self.folder / name


def ensure_peers(*, source: Path | None = None, jobs: int = 2) -> Peers:
    """The peers, built first where they are missing. Raises PeerError when they are not the wheel's equals."""
    version = importlib.metadata.version("llama-cpp-python")
    home = CACHE / version
    folder = home / "build" / "bin"
    flags = (*FLAGS, *shlex.split(os.environ.get("CMAKE_ARGS", "")))
    stamp = home / "built.json"
    if not stamp.exists() or json.loads(stamp.read_text()) != list(flags):
        home.mkdir(parents=True, exist_ok=True)
        build_targets(source or unpacked_source(home), home / "build", flags, PROGRAMS, jobs)
        stamp.write_text(json.dumps(flags))
    return Peers(folder, flags, require_same_core(folder))


def require_same_core(folder: Path) -> dict[str, Any]:
    """Facts of the libraries in `folder`. Raises PeerError when the installed wheel's are others."""
    wheel, peer = _describe(None), _describe(folder)
    for name in SAME:
        if wheel.get(name) != peer.get(name):
            raise PeerError(
                f"not comparable: {name} is {wheel.get(name)!r} in the wheel and {peer.get(name)!r} in the peer; "
                "install llama-cpp-python from source: pip install --no-binary llama-cpp-python llama-cpp-python"
            )
    return {name: peer[name] for name in SAME}


def _describe(libraries: Path | None) -> dict[str, Any]:
    environment = os.environ | ({"LLAMA_CPP_LIB_PATH": str(libraries)} if libraries else {})
    command = (sys.executable, "-m", "labkit.engine.native.describe")
    facts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
    if "error" in facts:
        raise PeerError(f"{libraries or 'the installed wheel'} does not load: {facts['error']}")
    # "-dirty" says how a source distribution was unpacked (file modes), not that its code differs.
    return facts | {"commit": (facts.get("commit") or "unknown").removesuffix("-dirty")}


def unpacked_source(home: Path) -> Path:
    """llama.cpp's source of the installed wheel's version, downloaded first where it is missing. Raises PeerError."""
    version = importlib.metadata.version("llama-cpp-python")
    unpacked = home / f"llama_cpp_python-{version}" / "vendor" / "llama.cpp"
    if not (unpacked / "CMakeLists.txt").exists():
        wanted = ("--no-binary", "llama-cpp-python", "--no-deps", f"llama-cpp-python=={version}")
        _run(sys.executable, "-m", "pip", "download", *wanted, "-d", str(home))
        (archive,) = home.glob("llama_cpp_python-*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(home, filter="data")
        archive.unlink()
    return unpacked


def build_targets(source: Path, build: Path, flags: tuple[str, ...], targets: tuple[str, ...], jobs: int) -> None:
    """Configure `source` in the folder `build` and build `targets`. Raises PeerError."""
    cmake = shutil.which("cmake")
    if cmake is None:
        raise PeerError("cmake is missing: pip install cmake ninja, or take your system's")
    generator = ("-G", "Ninja") if shutil.which("ninja") else ()
    _run(cmake, *generator, "-S", str(source), "-B", str(build), *flags)
    _run(cmake, "--build", str(build), "--parallel", str(jobs), "--target", *targets)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        raise PeerError(f"{shlex.join(command)} ended with {error.returncode}") from error


def main() -> int:
    """Build, and print what was built."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", type=Path, help="an unpacked llama.cpp of the same version")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    try:
        peers = ensure_peers(source=arguments.source, jobs=arguments.jobs)
    except PeerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"commit {peers.facts['commit']}, ggml {peers.facts['ggml_version']}, the installed wheel's too")
    print(f"features {peers.facts['system_info'].strip()}")
    print(f"flags {shlex.join(peers.flags)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

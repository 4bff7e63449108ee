"""Every change that a command makes to the store may be the last one: the store stays whole, and the command repeats.

A sample by default; `make crash-points` takes every one.
"""

import os
import shutil

import pytest

from fakes import gguf_writer
from fakes.crashes import Crasher
from fakes.hub import BoxRepository, hub_box
from labkit.settings import Settings
from labkit.store import open_store
from labkit.store.verify import verify

EVERY = int(os.environ.get("LABKIT_CRASH_EVERY", "9"))
KINDS = ("error", "broken", "death", "power-data", "power-names", "power")
BEFORE = {
    "pull": (), "import_own": (), "adopt_foreign": (), "unbundle": (), "bundle": ("pull",),
    "rm": ("import_own", "pull"), "gc": ("import_own", "forget"), "lock": ("pull",),
}  # fmt: skip


@pytest.fixture(scope="module")
def crasher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    own = gguf_writer.write_tiny_llama(folder / "own.gguf")
    with hub_box({"org/tiny": BoxRepository({"tiny-Q8_0.gguf": own})}) as box:
        made = Crasher({**os.environ, **box.environment()}, folder)
        assert made.run("bundle", folder / "home", before=("pull",)).outcome == "done"
        shutil.move(folder / "home" / "out.tar", folder / "models.tar")
        yield made
        made.close()


def assert_whole(home):
    """Every model that is listed is there to the last byte, and nothing that cannot be read is listed."""
    store = open_store(Settings(home))
    assert store.list().unreadable == ()
    assert list(verify(store, deep=True)) == []


def left_over(home):
    """What no model needs: parts, drafts, trials, refusals, content without a model."""
    store = open_store(Settings(home))
    needed = {file.sha256 for manifest in store.list().manifests for file in manifest.files}
    found = [path for path in home.rglob("*") if path.name.endswith((".draft", ".trial", ".import", ".unreadable"))]
    found += [*store.layout.parts.glob("*"), *store.layout.quarantine.glob("*")]
    return found + [path for path in store.layout.blobs.glob("*") if path.name not in needed]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", BEFORE)
def test_a_command_that_ends_anywhere_leaves_a_whole_store_and_can_be_repeated(crasher, tmp_path, command, kind):
    before = BEFORE[command]
    calls = crasher.run(command, tmp_path / "count", before=before).calls
    assert calls
    points = range(1 + KINDS.index(kind) % EVERY, len(calls) + 1, EVERY) or [1]
    for at in points:
        home = tmp_path / f"{at}"
        outcome = crasher.run(command, home, at=at, kind=kind, before=before, boot="first")
        where = f"{kind} at {at}: {calls[at - 1]}\n{outcome.what}"
        assert outcome.outcome in (("done", "error") if kind in ("error", "broken") else ("died",)), where
        assert_whole(home)
        again = crasher.run(command, home, boot="second" if kind.startswith("power") else "first")
        assert again.outcome == "done", f"{where}\nthen: {again.what}"
        assert_whole(home)
        if command == "rm":  # its second run finds no model: the rest is work for gc
            assert crasher.run("gc", home).outcome == "done"
        assert left_over(home) == [], where
        shutil.rmtree(home)


def test_the_disk_of_these_tests_takes_what_was_not_synced(tmp_path):
    """Else the losses of power above would prove nothing."""
    from fakes.crashes.power import Power

    root = tmp_path / "root"
    root.mkdir()
    (root / "kept").write_bytes(b"old")
    power = Power(f"{root}{os.sep}")
    with (root / "kept").open("r+b") as file:
        file.write(b"new, longer")
        file.flush()
        power.after("write", file.fileno(), str(root / "kept"))
    undo = power.before("create", str(root / "made"))
    (root / "made").write_bytes(b"")
    power.changed(undo)
    undo = power.before("rename", str(root / "kept"), str(root / "made"))
    (root / "made").replace(root / "kept")
    power.changed(undo)
    power.lose("power")
    assert [path.name for path in root.iterdir()] == ["kept"]
    assert (root / "kept").read_bytes() == b"old"

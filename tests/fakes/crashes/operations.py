"""What is interrupted: each changes a store as a command does, with a trial that needs no process."""

import os
import time
from pathlib import Path

from labkit.pull import TrialResult, carry_out, find_wanted, make_plan
from labkit.pull.adopt import adopt
from labkit.pull.import_bundle import import_bundle
from labkit.pull.import_file import import_file
from labkit.settings import Settings
from labkit.store import open_store
from labkit.store.foreign import ForeignFile, ForeignModel
from labkit.store.usage import find_garbage, remove_garbage

NAME = "hf:org/tiny:Q8_0"


def trial(path):
    return TrialResult("" if path.read_bytes()[:4] == b"GGUF" else "it is no model", "1.0", 3)


def pull(settings, folder):
    store = open_store(settings)
    carry_out(make_plan(find_wanted(NAME, settings, None), store, None), store, trial=trial)


def import_own(settings, folder):
    import_file(folder / "own.gguf", open_store(settings), trial=trial)


def adopt_foreign(settings, folder):
    path = folder / "own.gguf"
    file = ForeignFile(path, path.name, path.stat().st_size)
    adopt(ForeignModel("foreign:Q8_0", "lm-studio", (file,)), open_store(settings), trial=trial)


def unbundle(settings, folder):
    import_bundle(folder / "models.tar", open_store(settings), trial=trial)


def bundle(settings, folder):
    from labkit.store.archive import export_bundle

    store = open_store(settings)
    export_bundle(store.list().manifests, store, settings.data_folder / "out.tar")


def rm(settings, folder):
    store = open_store(settings)
    for manifest in store.list().manifests:
        store.remove(manifest)


def gc(settings, folder):
    """An hour and more after everything."""
    store = open_store(settings)
    remove_garbage(store, find_garbage(store, parts=True, quarantine=True, now=time.time() + 7200))


def lock(settings, folder):
    from labkit.cli.lock import lock as lock_models

    lock_models(None, Path(settings.data_folder) / "labkit.lock")


def forget(settings, folder):
    """What rm leaves when it is killed after its first step: content that no model has."""
    store = open_store(settings)
    for manifest in store.list().manifests:
        store.layout.manifest(manifest.name).unlink()


def run(name, home, folder):
    os.environ["LABKIT_HOME"] = str(home)
    globals()[name](Settings(Path(home)), Path(folder))

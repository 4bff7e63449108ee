"""Models from a bundle into existence: their content is checked as if it came from anywhere."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from labkit.pull.admit import Provenance, admit
from labkit.pull.trial import TrialResult, try_model
from labkit.store import Manifest, Store
from labkit.store.archive import import_blobs


def import_bundle(
    source: Path,
    store: Store,
    on_bytes: Callable[[int], None] = lambda _: None,
    *,
    trial: Callable[[Path], TrialResult] | None = try_model,
) -> list[Manifest]:
    """Make every model of a bundle exist here, tried like any other. Blocks.

    Where it came from first (repository, commit) is kept. Raises what `import_blobs` and `admit` raise.
    """
    made: list[Manifest] = []
    for manifest in import_blobs(source, store, on_bytes):
        provenance = Provenance(
            manifest.origin if manifest.repo else "bundle",
            manifest.repo,
            manifest.revision,
            manifest.commit,
            manifest.license,
            manifest.catalog_id,
        )
        files = tuple(replace(file, linked=False) for file in manifest.files)
        made.append(admit(manifest.name, files, provenance, store, trial=trial))
    return made

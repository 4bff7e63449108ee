"""Sizes one GGUF file for several contexts, as one line of JSON: `python -m labkit.engine.native.size FILE`.

Run as a child process by `labkit.estimate.native`, so that a file that kills llama.cpp takes only the child with it.
Reads a JSON object from standard input: `placement` with the fields of PlacementSettings, `contexts` with a list of
those of ContextSize. Answers {"sizes": [[memory, ...] or {"error": ...}, ...]} or {"error": ...}; exits with 0 in
both cases.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit.errors import LabkitError


def size(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer. Blocks; no error leaves it but those that end the process."""
    try:
        from labkit.engine.native.sizing import PlacementSettings, SizedModel
    except Exception as error:  # noqa: BLE001 - whatever a broken library raises is the answer
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    try:
        model = SizedModel(path, PlacementSettings(**_tuples(request.get("placement", {}))))
    except (LabkitError, TypeError) as error:
        return {"error": str(error)}
    try:
        return {"sizes": [_context(model, context) for context in request.get("contexts", [])]}
    finally:
        model.close()


def _context(model: Any, settings: Mapping[str, Any]) -> list[dict[str, Any]] | dict[str, str]:
    from labkit.engine.native.sizing import ContextSize

    try:
        return [asdict(use) for use in model.size(ContextSize(**settings))]
    except (LabkitError, TypeError, KeyError) as error:
        return {"error": str(error)}


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in settings.items()}


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    sys.stdout.write(json.dumps(size(Path(sys.argv[1]), json.load(sys.stdin))) + "\n")

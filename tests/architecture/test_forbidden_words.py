"""No drawer modules, and nothing in the project that belongs to one machine."""

from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "labkit"
DRAWERS = {"utils", "helpers", "common", "manager", "misc"}


def test_no_module_is_a_drawer():
    assert not [path for path in SOURCE.rglob("*.py") if path.stem in DRAWERS]

"""The README's table of machines names every file, and nothing else."""

import re
from pathlib import Path

from labkit.hardware.known import shipped_profiles

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_known_machines_is_complete():
    table = README.read_text(encoding="utf-8").partition("#### Known machines")[2].partition("A profile of your own")[0]
    named, last = set(), ""
    for name in re.findall(r"`([a-z0-9-]+)`", table.partition("|---|---|")[2]):
        if name.startswith("-"):
            # "-16gb" after "raspberry-pi-5-4gb" stands for its sister; "-x2" is added to the name.
            name = last + name if name == "-x2" else re.sub(r"-\d+gb$", name, last)
        named.add(name)
        last = name
    assert named == set(shipped_profiles())

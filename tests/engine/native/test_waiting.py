import os
import subprocess
import sys

import pytest

from labkit.engine.native.waiting import SPIN_TURNS

# libgomp prints what it has read when it is loaded, before anything else of the process runs.
_LOADS = """
import os, subprocess, sys
import labkit.engine.native
print("child:", subprocess.run([sys.executable, "-c", "import os; print(os.environ.get('GOMP_SPINCOUNT'))"],
                               capture_output=True, text=True).stdout.strip())
print("here:", os.environ.get("GOMP_SPINCOUNT"))
"""


def load(**environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", _LOADS],
        env={**clean, "OMP_DISPLAY_ENV": "verbose", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    if "GOMP_SPINCOUNT" not in done.stderr:
        pytest.skip("this native core uses no libgomp")
    return done.stdout, done.stderr


def test_the_native_core_waits_briefly_and_nobody_else_hears_of_it():
    said, libgomp = load()
    assert f"GOMP_SPINCOUNT = '{SPIN_TURNS}'" in libgomp
    assert "child: None" in said
    assert "here: None" in said


def test_the_user_may_choose_how_long():
    said, libgomp = load(GOMP_SPINCOUNT="77")
    assert "GOMP_SPINCOUNT = '77'" in libgomp
    assert "child: 77" in said


def test_the_user_may_choose_a_policy():
    _, libgomp = load(OMP_WAIT_POLICY="passive")
    assert f"GOMP_SPINCOUNT = '{SPIN_TURNS}'" not in libgomp

"""`labkit pull` as a person meets it: stopped in the middle, offline, by the short form of a place."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from fakes.hub import BoxRepository, hub_box
from labkit import resources
from labkit.errors import InputError, ModelNotFoundError
from labkit.pull import find_wanted
from labkit.settings import Settings
from labkit.store import resolve


@pytest.fixture
def box():
    nano = resources.embedded_model()
    # A long tail that nobody reads makes the download last.
    long = nano.read_bytes() + random.Random(1).randbytes(20_000_000)
    with hub_box({"org/nano": BoxRepository({"n-Q8_0.gguf": nano, "n-Q4_K_M.gguf": long})}) as running:
        yield running


def start(box, home, *words, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "labkit", "pull", *words],
        env={**os.environ, **box.environment(), "LABKIT_HOME": str(home), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_ctrl_c_says_what_is_here_and_the_next_pull_goes_on(box, tmp_path):
    box.bytes_per_second = 6_000_000
    pull = start(box, tmp_path, "hf:org/nano:Q4_K_M")
    while not list(tmp_path.glob("store/parts/*.part")):
        assert pull.poll() is None, pull.communicate()
        time.sleep(0.05)
    pull.send_signal(signal.SIGINT)
    _, said = pull.communicate()
    assert pull.returncode == 130
    assert "are here and stay\n  -> go on with: labkit pull hf:org/nano:Q4_K_M" in said
    (part,) = tmp_path.glob("store/parts/*.part")
    box.bytes_per_second, before = None, box.sent_bytes
    here = part.stat().st_size
    _, said = start(box, tmp_path, "hf:org/nano:Q4_K_M").communicate()
    assert box.sent_bytes - before <= box.repositories["org/nano"].size("n-Q4_K_M.gguf") - here + 1_000_000


def test_offline_says_what_is_here(box, tmp_path):
    assert start(box, tmp_path, "org/nano:Q8_0", "--json").communicate()[0].startswith("{")
    pull = start(box, tmp_path, "org/nano:Q4_K_M", HF_HUB_OFFLINE="1")
    _, said = pull.communicate()
    assert pull.returncode == 69
    assert "org/nano:Q8_0 is here: labkit serve org/nano:Q8_0" in said


def test_a_place_needs_no_prefix_and_a_path_is_none(tmp_path):
    settings = Settings(tmp_path)
    assert find_wanted("org/repo:Q8_0", settings, None).hub.repo == "org/repo"
    for path in ("./gone.gguf", "/gone", "~/x.gguf", "gone.gguf"):
        with pytest.raises(InputError, match="there is no file"):
            find_wanted(path, settings, None)
    with pytest.raises(ModelNotFoundError) as raised:
        resolve("org/repo:Q8_0", settings)
    assert raised.value.hint == "if it is on the hub: labkit pull org/repo:Q8_0"

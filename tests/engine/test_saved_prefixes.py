import pytest

from labkit.engine.core.moves import Identity
from labkit.engine.saved_prefixes import LEAST_GAIN_TOKENS, MOST_LOADED_PER_GAINED, SavedPrefixes
from labkit.engine.tiers import PrefixTiers

ALICE = Identity((("lora", 1.0),), "alice")


@pytest.fixture
def saved():
    saved = SavedPrefixes(PrefixTiers(host_bytes=1 << 20), model="model", build="build")
    yield saved
    saved.close()


def test_what_was_saved_is_found_for_the_same_adapters_and_tenant_only(saved):
    saved.save(ALICE, tuple(range(100)), b"state")
    found = saved.find(ALICE, [*range(90), 7, 8], 91, have=3)
    assert (found.num_tokens, found.num_stored, found.tier) == (90, 100, "host")
    assert saved.load(found) == b"state"
    for other in (Identity((("lora", 0.5),), "alice"), Identity((), "alice"), Identity((("lora", 1.0),), "bob")):
        assert saved.find(other, list(range(100)), 99, have=0) is None
    assert saved.stats().host_hits == 1


def test_no_more_than_the_limit_is_promised(saved):
    saved.save(ALICE, tuple(range(100)), b"state")
    assert saved.find(ALICE, list(range(100)), 99, have=0).num_tokens == 99


def test_a_small_gain_is_not_worth_a_load(saved):
    saved.save(ALICE, tuple(range(100)), b"state")
    assert saved.find(ALICE, list(range(200)), 199, have=100 - LEAST_GAIN_TOKENS) is not None
    assert saved.find(ALICE, list(range(200)), 199, have=100 - LEAST_GAIN_TOKENS + 1) is None


def test_a_large_state_is_not_loaded_for_a_small_part_of_it(saved):
    gain = 50
    saved.save(ALICE, tuple(range(gain * MOST_LOADED_PER_GAINED + 1)), b"state")
    assert saved.find(ALICE, [*range(gain), 9999], gain + 1, have=0) is None
    assert saved.find(ALICE, [*range(gain + 1), 9999], gain + 2, have=0) is not None


def test_another_model_on_the_same_folder_finds_nothing(tmp_path):
    for model, expected in (("one", True), ("two", False)):
        tiers = PrefixTiers(host_bytes=0, disk_bytes=1 << 20, folder=tmp_path)
        saved = SavedPrefixes(tiers, model=model, build="build", context=("f16",))
        if expected:
            saved.save(ALICE, tuple(range(100)), b"state")
        assert (saved.find(ALICE, list(range(100)), 99, have=0) is not None) == expected
        saved.close()

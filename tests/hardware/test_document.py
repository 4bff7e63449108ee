import json
import re
import tomllib

import pytest

from labkit.errors import InputError
from labkit.hardware import load_profile, load_shipped_profiles, parse_profile, render_toml
from labkit.hardware.document import to_plain
from labkit.hardware.merge import choose_tier
from labkit.hardware.profile import FactSource, Gpu, HardwareProfile, Memory, Problem
from labkit.hardware.tiers import backends_for, missing_facts

SHIPPED = load_shipped_profiles()
GIB = 1024**3


def test_machines_of_every_common_tier_are_shipped():
    assert len(SHIPPED) >= 32
    assert {profile.tier for profile in SHIPPED.values()} == {"cpu", "apple-silicon", "cuda", "rocm", "vulkan"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_machine_has_what_a_recommendation_needs(name):
    profile = SHIPPED[name]
    assert profile.name
    assert missing_facts(profile) == ()
    assert profile.cpu.usable_cores > 1
    assert profile.memory.physical_bytes is not None
    assert GIB < (profile.memory.budget_bytes or 0) < profile.memory.physical_bytes
    assert profile.tier == choose_tier(profile.gpus)
    assert (profile.tier == "cpu") == (not profile.usable_gpus)
    for gpu in profile.gpus:
        assert GIB < (gpu.free_bytes or gpu.memory_bytes or 0) <= (gpu.memory_bytes or 0)
        assert backends_for(gpu.vendor or "") >= {gpu.backend}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_fact_of_a_shipped_machine_has_a_source_and_every_source_a_fact(name):
    profile = SHIPPED[name]
    plain = to_plain(profile)
    parts = {part: plain[part] for part in ("os", "cpu", "memory")}
    parts |= {f"gpus.{index}": gpu for index, gpu in enumerate(plain["gpus"])}
    known = {
        f"{part}.{key}" for part, facts in parts.items() for key, value in facts.items() if value not in (None, [])
    }
    assert known == profile.sources.keys()
    assert all(fact.origin == "table" and fact.source for fact in profile.sources.values())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_file_name_says_device_and_memory(name):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert re.search(r"-\d+gb(-|$)", name) or name.split("-")[0] in ("aws", "azure", "gcp")


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_profile_written_and_read_again_is_the_same(name, ending, tmp_path):
    profile = SHIPPED[name]
    text = render_toml(profile) if ending == "toml" else json.dumps(to_plain(profile))
    path = tmp_path / f"machine.{ending}"
    path.write_text(text, encoding="utf-8")
    assert load_profile(path) == profile


def test_awkward_text_survives_toml():
    profile = HardwareProfile(
        name='quote " backslash \\ newline \n delete \x7f ünï',
        memory=Memory(peak_bandwidth_bytes_per_second=1e12),
        gpus=(Gpu(name="a"), Gpu()),
        problems=(Problem("note", "x", "y"),),
        sources={"gpus.0.name": FactSource("table", "it's")},
    )
    assert parse_profile(tomllib.loads(render_toml(profile)), "x") == profile


def test_every_problem_of_a_file_is_said_at_once():
    with pytest.raises(InputError) as caught:
        parse_profile({"tier": "quantum", "cpu": {"cors": 4}, "gpus": [{"memory_bytes": "much"}]}, "mine.toml")
    for part in ("mine.toml", "tier", "cpu.cors", "gpus.0.memory_bytes"):
        assert part in caught.value.message
    assert "labkit doctor" in caught.value.hint


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_table_is_no_profile(document):
    with pytest.raises(InputError):
        parse_profile(document, "x")


def test_a_newer_schema_says_to_upgrade():
    with pytest.raises(InputError, match="newer labkit") as caught:
        parse_profile({"schema_version": 99, "warp": 1}, "x")
    assert "--upgrade" in caught.value.hint


@pytest.mark.parametrize("text", ["tier = ", "\x00", "{", "ÿ"])
@pytest.mark.parametrize("ending", ["toml", "json"])
def test_a_broken_file_is_an_input_error(text, ending, tmp_path):
    path = tmp_path / f"broken.{ending}"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="not a profile"):
        load_profile(path)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load_profile(tmp_path / "none.toml")

"""Tier rules are data: every tier of the schema has one, and every build that they name has a flag."""

from typing import get_args

import pytest

from labkit.hardware.profile import Cpu, Gpu, HardwareProfile, Memory, Tier
from labkit.hardware.tiers import (
    advised_tier,
    backends_for,
    best_tier,
    build_flag,
    missing_facts,
    tier_rule,
    tier_rules,
)


def test_every_tier_of_the_schema_has_one_rule_and_no_other_has():
    assert sorted(rule.id for rule in tier_rules()) == sorted(get_args(Tier))
    assert tier_rules()[-1].id == "cpu"
    assert all(rule.name and rule.meaning and rule.facts for rule in tier_rules())


def test_a_backend_belongs_to_one_tier():
    backends = [name for rule in tier_rules() for name in rule.backends]
    assert len(set(backends)) == len(backends)
    assert {rule.id for rule in tier_rules() if not rule.backends} == {"cpu"}


@pytest.mark.parametrize("rule", tier_rules(), ids=lambda rule: rule.id)
def test_every_build_has_a_flag_of_llama_cpp(rule):
    assert build_flag(rule.build).startswith("-DGGML_")


def test_the_order_of_the_file_decides_between_backends():
    assert best_tier({"Vulkan", "CUDA"}) == "cuda"
    assert best_tier({"Vulkan", "HIP"}) == "rocm"
    assert best_tier({"BLAS"}) == "cpu"
    assert best_tier(set()) == "cpu"


@pytest.mark.parametrize(
    ("vendor", "windows", "build"),
    [
        ("nvidia", False, "cuda"),
        ("nvidia", True, "cuda"),
        ("amd", False, "rocm"),
        ("amd", True, "vulkan"),
        ("intel", False, "vulkan"),
        ("apple", False, "metal"),
        ("a vendor of tomorrow", False, "vulkan"),
    ],
)
def test_the_advice_for_a_card_that_the_core_does_not_use(vendor, windows, build):
    assert advised_tier(vendor, windows=windows).build == build


def test_backends_of_a_vendor():
    assert backends_for("amd") == {"ROCm", "HIP", "Vulkan"}
    assert backends_for("intel") == {"SYCL", "Vulkan"}
    assert backends_for("a vendor of tomorrow") == {"Vulkan"}


def test_facts_that_a_tier_needs_and_a_profile_lacks():
    assert missing_facts(HardwareProfile()) == ("memory.budget_bytes", "memory.peak_bandwidth_bytes_per_second")
    card = HardwareProfile(tier="cuda", cpu=Cpu(), memory=Memory(budget_bytes=1), gpus=(Gpu(memory_bytes=1), Gpu()))
    assert set(missing_facts(card)) == {
        "gpus.1.memory_bytes",
        "gpus.0.peak_bandwidth_bytes_per_second",
        "gpus.1.peak_bandwidth_bytes_per_second",
    }


def test_an_unknown_build_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        build_flag("abacus")
    assert tier_rule("rocm").name == "ROCm"

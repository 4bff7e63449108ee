from dataclasses import replace

import pytest

from fakes.embedding_models import write_tiny_bert
from labkit.engine.types import EngineConfig
from labkit.errors import InsufficientMemoryError
from labkit.estimate import Device, Machine
from labkit.serving import EndpointPlan, find_model
from labkit.serving.fit import estimate, memory_of, require_all, require_fit
from labkit.settings import load_settings
from labkit.units import GIB, MIB


@pytest.fixture
def nano(tmp_path):
    return find_model("nano", load_settings({"LABKIT_HOME": str(tmp_path)}))


def never():
    raise AssertionError("nobody asked for the whole machine")


def test_what_fits_system_memory_asks_no_further(nano):
    require_all([nano], EngineConfig(), Machine(GIB), never)


def test_the_embedded_model_fits_here(nano, tmp_path):
    require_fit([nano], EngineConfig(), load_settings({"LABKIT_HOME": str(tmp_path)}))


def test_an_accelerator_may_save_it(nano):
    big = EngineConfig(context_tokens=1_000_000)
    whole = Machine(64 * MIB, devices=(Device("card", "nvidia", 24 * GIB),))
    require_all([nano], big, Machine(64 * MIB), lambda: whole)


def test_what_does_not_fit_says_how_much_and_what_to_type(nano):
    big = EngineConfig(context_tokens=1_000_000)
    with pytest.raises(InsufficientMemoryError, match="1,000,000 tokens") as caught:
        require_all([nano], big, Machine(256 * MIB), lambda: Machine(256 * MIB))
    assert "--ctx" in caught.value.hint


def test_models_that_fit_one_by_one_must_fit_together(nano):
    machine = Machine(60 * MIB)
    require_all([nano], EngineConfig(), machine, lambda: machine)
    with pytest.raises(InsufficientMemoryError):
        require_all([nano] * 20, EngineConfig(), machine, lambda: machine)


def test_an_encoder_is_judged_by_its_longest_input(tmp_path):
    bert = find_model(str(write_tiny_bert(tmp_path / "bert.gguf")), load_settings({"LABKIT_HOME": str(tmp_path)}))
    require_all([bert], EngineConfig(), Machine(64 * MIB), never)
    with pytest.raises(InsufficientMemoryError, match=r"64 tokens of context"):
        require_all([bert], EngineConfig(), Machine(4 * MIB), lambda: Machine(4 * MIB))


def test_each_estimate_says_where_it_comes_from(nano):
    (found,) = require_all([nano], EngineConfig(), Machine(GIB), never)
    assert found.trust == "file header"
    assert found.memory.cache_bytes == 16 * MIB


def test_the_native_core_has_the_last_word_where_formulas_say_no(nano):
    (bound,) = require_all([nano], EngineConfig(), Machine(GIB), never)
    tight = Machine(bound.memory.high)  # the bound and 3 % more do not fit, the exact size does
    (found,) = require_all([nano], EngineConfig(), tight, lambda: tight)
    assert found.trust == "native sizing"
    assert found.memory.high < bound.memory.high


def test_kept_requests_stay_within_a_memory_limit(nano, tmp_path):
    model = replace(nano, estimate=estimate(nano, EngineConfig()))
    plan = EndpointPlan(models=(model,), logs_folder=tmp_path)
    taken = memory_of(model, EngineConfig())
    limited = replace(plan, memory_limit_bytes=GIB).worker(model).command
    assert f"--host-cache-limit-bytes={taken // 8}" in limited
    assert not [word for word in plan.worker(model).command if "host-cache" in word]
    assert memory_of(model, EngineConfig(host_cache_bytes=GIB)) == taken + GIB


def test_adapters_take_memory_too(nano, tmp_path):
    settings = load_settings({"LABKIT_HOME": str(tmp_path)})
    huge = tmp_path / "adapter.gguf"
    with huge.open("wb") as file:
        file.truncate(1 << 43)  # a hole of 8 TiB
    with pytest.raises(InsufficientMemoryError, match="0 B are free"):
        require_fit([nano], EngineConfig(), settings, adapters=[huge])

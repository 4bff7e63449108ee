from dataclasses import replace

import pytest

from fakes.calibrations import CPU
from labkit.estimate.speed_model import decode_terms, is_covered, prefill_terms
from labkit.estimate.work import LayerWork, TokenWork

GLOBAL = LayerWork("attention", 10, num_heads=16, head_dim=100, kv_elements=1000)
DENSE = TokenWork({"Q4_K": 500e6, "Q6_K": 160e6}, (GLOBAL,), head_bytes=80e6, head_type="Q6_K")


def seconds(work, depth=0.0, device=CPU):
    return sum(decode_terms(work, device, depth).values())


def test_the_terms_of_a_dense_model_by_hand():
    terms = decode_terms(DENSE, CPU, 1000)
    assert terms["Q4_K"] == pytest.approx(0.05)
    assert terms["Q6_K"] == pytest.approx(0.01)
    assert terms["layers"] == pytest.approx(10 * 30e-6)
    pair = 8e-9 + 100 * 1e-10
    assert terms["attention"] == pytest.approx(10 * 1000 * (16 * pair + 5 * 1e-7))  # 5 KV heads


def test_an_empty_cache_costs_nothing():
    assert "attention" not in decode_terms(DENSE, CPU, 0)


def test_windows_stop_growing():
    windowed = replace(DENSE, layers=(replace(GLOBAL, window_tokens=512),))
    assert seconds(windowed, 512) == seconds(windowed, 100_000)
    assert seconds(DENSE, 100_000) > seconds(windowed, 100_000)


@pytest.mark.parametrize(("kind", "own", "element"), [("delta_net", 40e-6, 1e-9), ("mamba2", 35e-6, 3e-10)])
def test_states_cost_by_their_size(kind, own, element):
    work = TokenWork({}, (LayerWork(kind, 3, state_elements=1_000_000),))
    assert decode_terms(work, CPU, 5000) == {"layers": pytest.approx(3 * (own + 1_000_000 * element))}


def test_keys_and_values_in_the_processor_s_cache_are_not_waited_for():
    warm, cold = (
        decode_terms(DENSE, replace(CPU, cache_bytes=size), 1000)["attention"] for size in (10**9, 32 * 10**6)
    )
    assert cold - warm == pytest.approx(10 * 1000 * 5 * 1e-7)


def test_wide_rows_are_limited_by_their_bytes_and_smaller_types_help():
    wide = replace(DENSE, layers=(replace(GLOBAL, kv_elements=8000, head_dim=4000, num_heads=1),))
    f16, q8 = (decode_terms(wide, CPU, 10_000, size)["attention"] for size in (2.0, 34 / 32))
    assert f16 - q8 == pytest.approx(10 * 10_000 * 8000 * (2.0 - 34 / 32) / 25e9)


def test_parts_of_a_split_model_add_up():
    parts = [seconds(DENSE.scaled(share), 4000) for share in (0.25, 0.75)]
    assert sum(parts) == pytest.approx(seconds(DENSE, 4000))


def test_experts_and_the_rest_add_up():
    mixture = replace(DENSE, expert_bytes={"Q4_K": 100e6}, all_expert_bytes=1600e6, expert_layers=10)
    parts = seconds(mixture.without_experts(), 100) + seconds(mixture.experts_only(), 100)
    assert parts == pytest.approx(seconds(mixture, 100))
    assert seconds(mixture) == pytest.approx(seconds(DENSE) + 100e6 / 10e9 + 10 * 20e-6)


def test_a_type_that_was_not_measured_is_slow_and_said_to_be_unknown():
    other = replace(DENSE, matrix_bytes={"IQ2_XS": 500e6})
    assert decode_terms(other, CPU, 0)["IQ2_XS"] > 500e6 / 10e9
    assert is_covered(DENSE, CPU)
    assert not is_covered(other, CPU)
    assert not is_covered(DENSE, replace(CPU, layers=()))


def test_norms_in_plain_numbers_leave_a_model_covered():
    assert is_covered(replace(DENSE, matrix_bytes={"Q4_K": 500e6, "F32": 5e6}), CPU)


def test_what_benchmarks_taught_changes_the_terms():
    taught = replace(CPU, corrections={"Q4_K": 0.1, "layers": -0.1})
    before, after = decode_terms(DENSE, CPU, 0), decode_terms(DENSE, taught, 0)
    assert after["Q4_K"] == pytest.approx(before["Q4_K"] * 1.10517, rel=1e-4)
    assert after["layers"] < before["layers"]
    assert after["Q6_K"] == before["Q6_K"]


def test_a_prompt_by_hand():
    terms = prefill_terms(DENSE, CPU, 512)
    assert terms["Q4_K"] == pytest.approx(2 * 500e6 * 8 / 4.5 * 512 / 100e9)
    assert terms["Q6_K"] == pytest.approx(2 * 80e6 * 8 / 6.5625 * 512 / 120e9)  # the head is for the last token alone
    assert terms["layers"] == pytest.approx(512 * 10 * 4e-6)
    assert terms["attention"] == pytest.approx(10 * 512 * 256 * 1600 * 5e-11)


def test_a_prompt_of_one_token_waits_for_the_weights():
    assert prefill_terms(DENSE, CPU, 1)["Q4_K"] == pytest.approx(0.05)


def test_a_mixture_reads_all_its_experts_for_a_prompt():
    mixture = TokenWork({}, (), expert_bytes={"Q4_K": 10e6}, all_expert_bytes=1000e6)
    assert prefill_terms(mixture, CPU, 2)["Q4_K"] == pytest.approx(1000e6 / 10e9)

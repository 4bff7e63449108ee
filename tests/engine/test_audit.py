import logging

import numpy as np
import pytest

from labkit.engine.audit import MAX_DIVERGENCE, Auditor, divergence
from labkit.engine.types import AdapterUse, GenerationRequest

REQUEST = GenerationRequest(
    "a", (1, 2, 3), max_tokens=9, stop=("x",), tenant="t", adapters=(AdapterUse("l"),), lane="interactive", logprobs=3
)


def logits(*values):
    return np.array(values, np.float32)


def test_divergence_of_equal_logits_is_zero_whatever_is_added_to_all():
    assert divergence(logits(1, 2, 3), logits(1, 2, 3)) == 0
    assert divergence(logits(1, 2, 3), logits(1001, 1002, 1003)) == pytest.approx(0, abs=1e-9)


def test_divergence_by_hand():
    # p = (1/2, 1/2), q = (1/4, 3/4): 0.5 ln 2 + 0.5 ln(2/3)
    expected = 0.5 * np.log(2) + 0.5 * np.log(2 / 3)
    assert divergence(logits(0, 0), logits(0, np.log(3))) == pytest.approx(expected, rel=1e-6)
    assert divergence(logits(0, np.log(3)), logits(0, 0)) != pytest.approx(expected, rel=1e-2)


def test_huge_logits_do_not_overflow():
    assert np.isfinite(divergence(logits(3e4, -3e4, 0), logits(3e4, 0, -3e4)))


def test_a_share_of_the_hits_is_wanted():
    auditor = Auditor(0.25)
    wanted = sum(auditor.wants(GenerationRequest(str(n), (1,))) for n in range(2000))
    assert wanted == pytest.approx(500, abs=80)
    assert not Auditor(0.0).wants(REQUEST)
    assert Auditor(1.0).wants(REQUEST)


def test_the_shadow_is_a_cold_run_of_the_same_prompt_behind_everybody():
    shadow = Auditor(1.0).shadow(REQUEST, logits(0, 1))
    assert shadow.prompt == REQUEST.prompt
    assert (shadow.adapters, shadow.tenant) == (REQUEST.adapters, REQUEST.tenant)
    assert (shadow.max_tokens, shadow.lane, shadow.reuse, shadow.logprobs) == (1, "batch", False, None)
    assert shadow.sampling.temperature == 0
    assert shadow.request_id != REQUEST.request_id


def test_neither_a_shadow_nor_who_has_one_waiting_is_audited():
    auditor = Auditor(1.0)
    shadow = auditor.shadow(REQUEST, logits(0, 1))
    assert auditor.owns(shadow.request_id)
    assert not auditor.owns(REQUEST.request_id)
    assert not auditor.wants(shadow)
    assert not auditor.wants(REQUEST)
    assert auditor.forget(shadow.request_id)
    assert not auditor.forget(shadow.request_id)
    assert auditor.wants(REQUEST)


def test_the_logits_are_kept_although_the_next_forward_overwrites_them():
    auditor = Auditor(1.0)
    view = logits(0, 5)
    shadow = auditor.shadow(REQUEST, view)
    view[:] = (5, 0)
    assert auditor.judge(shadow.request_id, logits(0, 5)).is_same


def test_a_difference_is_an_error_in_the_log_and_rounding_is_not(caplog):
    auditor = Auditor(1.0)
    shadow = auditor.shadow(REQUEST, logits(0, 5, 1))
    with caplog.at_level(logging.ERROR):
        assert auditor.judge(shadow.request_id, logits(0.01, 5, 1)).is_same
        assert not caplog.records
        verdict = auditor.judge(shadow.request_id, logits(5, 0, 1))
    assert not verdict.is_same
    assert verdict.divergence > MAX_DIVERGENCE
    assert "audit:a" in caplog.text

import numpy as np
import pytest

import labkit.engine.native.logprobs as module
from labkit.engine.core.plan import BatchPlan, Span
from labkit.engine.core.sequence import Sequence
from labkit.engine.native.logprobs import LogprobReader, log_sum_exp, most_probable, read_logprobs
from labkit.engine.types import Constraint, GenerationRequest, SamplingParams
from labkit.errors import ForwardError, InvalidRequestError


def logits(seed=0, size=5000):
    return (np.random.default_rng(seed).standard_normal(size) * 4).astype(np.float32)


def test_they_are_the_log_softmax():
    row = logits()
    wanted = row.astype(np.float64) - np.log(np.exp(row.astype(np.float64)).sum())
    assert log_sum_exp(row) == pytest.approx(np.log(np.exp(row.astype(np.float64)).sum()), abs=1e-5)
    found = LogprobReader(row, 5).of(77)
    assert found.token == 77
    assert found.logprob == pytest.approx(wanted[77], abs=1e-5)
    best = np.argsort(-row)[:5]
    assert [token for token, _ in found.top] == best.tolist()
    assert [value for _, value in found.top] == pytest.approx(wanted[best].tolist(), abs=1e-5)


@pytest.mark.parametrize("num_top", [0, 1, 3])
def test_many_rows_at_once_are_read_as_one_by_one(num_top, monkeypatch):
    rows = np.stack([logits(seed, 700) for seed in range(9)])
    rows[4] = np.round(rows[4])  # equals among the best
    monkeypatch.setattr(module, "_BLOCK_LOGITS", 4 * 700)
    tokens = [3, 699, 0, 5, 5, 1, 2, 3, 4]
    assert read_logprobs(rows, tokens, num_top) == [
        LogprobReader(row, num_top).of(token) for row, token in zip(rows, tokens, strict=True)
    ]


def test_rows_that_are_no_numbers_are_refused():
    rows = np.stack([logits(1, 10), logits(2, 10)])
    rows[1, 3] = np.nan
    with pytest.raises(ForwardError, match="no numbers"):
        read_logprobs(rows, [1, 2], 0)


def test_large_logits_do_not_overflow_and_masked_ones_do_not_count():
    row = np.array([1000.0, 999.0, -np.inf], np.float32)
    assert LogprobReader(row, 2).of(0).logprob == pytest.approx(-np.log1p(np.exp(-1)), abs=1e-6)


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_equals_stand_in_the_order_of_their_ids(count):
    row = np.array([1, 3, 3, 2, 3, 0], np.float32)
    assert list(most_probable(row, count)) == [1, 2, 4, 3, 0, 5][:count]


def sample(backend, **changes):
    backend.prepare()
    request = GenerationRequest("a", (5, 6, 7), **changes)
    backend.open(request)
    sequence = Sequence(request, arrived=0.0, slot=0)
    backend.forward(BatchPlan((Span(sequence, 0, 3, wants_logits=True),)))
    raw = backend.logits(2).copy()
    token, logprob = backend.sample("a", 2)
    backend.close("a")
    return raw, token, logprob


def test_the_backend_gives_them_where_asked_only_and_before_bias_and_temperature(backend):
    greedy = SamplingParams(temperature=0)
    raw, token, logprob = sample(backend, sampling=greedy)
    assert logprob is None
    biased = SamplingParams(temperature=0, logit_bias=((9, 100.0),))
    raw, token, logprob = sample(backend, sampling=biased, logprobs=2)
    assert token == 9
    assert logprob.logprob == pytest.approx(float(raw[9]) - log_sum_exp(raw), abs=1e-4)
    assert [token for token, _ in logprob.top] == list(np.argsort(-raw)[:2])


def test_a_constraint_does_not_change_them(backend):
    constraint = Constraint("choice", '["7", "8"]')
    raw, token, logprob = sample(backend, sampling=SamplingParams(temperature=0), logprobs=0, constraint=constraint)
    assert logprob.logprob == pytest.approx(float(raw[token]) - log_sum_exp(raw), abs=1e-4)
    assert logprob.top == ()


@pytest.mark.parametrize("count", [-1, 10**6])
def test_more_than_the_vocabulary_is_refused(backend, count):
    with pytest.raises(InvalidRequestError) as caught:
        backend.open(GenerationRequest("a", (1,), logprobs=count))
    assert caught.value.param == "top_logprobs"

"""Fewer candidates must not mean other answers: everything is compared with llama.cpp's own chain over all tokens."""

import llama_cpp
import numpy as np
import pytest

from labkit.engine.native.candidates import Candidates
from labkit.engine.native.limits import RANGES
from labkit.engine.native.sampler import SamplerFactory, choose
from labkit.engine.types import SamplingParams
from labkit.errors import ForwardError, InvalidRequestError, NativeError

PROMPT = [40, 41, 42, 43, 40, 41, 42]


@pytest.fixture(scope="module")
def row(backend):
    """Logits that a test may write to, and that llama.cpp reads."""
    backend.prepare()
    backend.context.forward_tokens([1], 0)
    return backend.context.logits(0)


@pytest.fixture(scope="module")
def factory(backend):
    factory = SamplerFactory(backend.model, 1024)
    yield factory
    factory.close()


def fill(row, seed, *, spread=3.0):
    rng = np.random.default_rng(seed)
    row[:] = rng.standard_normal(len(row)).astype(np.float32) * spread


def plain_chain(backend, params):
    """llama.cpp's samplers in the order of its own common/sampling.cpp, whether they are on or off."""
    init = llama_cpp
    biases = (init.llama_logit_bias * len(params.logit_bias))(
        *(init.llama_logit_bias(*pair) for pair in params.logit_bias)
    )
    breakers = (init.llama_cpp.ctypes.c_char_p * 4)(b"\n", b":", b'"', b"*")
    size, seed = backend.model.vocab_size, params.seed
    penalties = params.repetition_penalty, params.frequency_penalty, params.presence_penalty
    dry = params.dry_multiplier, params.dry_base, params.dry_allowed_length, params.penalty_window
    chain = init.llama_sampler_chain_init(init.llama_sampler_chain_default_params())
    for sampler in (
        init.llama_sampler_init_logit_bias(size, len(biases), biases),
        init.llama_sampler_init_penalties(size, params.penalty_window, *penalties),
        init.llama_sampler_init_dry(backend.model.vocab, *dry, breakers, 4),
        init.llama_sampler_init_top_n_sigma(params.top_n_sigma),
        init.llama_sampler_init_top_k(params.top_k),
        init.llama_sampler_init_typical(params.typical_p, 1),
        init.llama_sampler_init_top_p(params.top_p, 1),
        init.llama_sampler_init_min_p(params.min_p, 1),
        init.llama_sampler_init_xtc(params.xtc_probability, params.xtc_threshold, 1, seed),
        init.llama_sampler_init_temp(params.temperature),
        init.llama_sampler_init_dist(seed),
    ):
        init.llama_sampler_chain_add(chain, sampler)
    for token in PROMPT:
        init.llama_sampler_accept(chain, token)
    return chain


@pytest.mark.parametrize(
    "changes",
    [
        {"top_k": 40},
        {"top_k": 1},
        {"top_k": 20, "top_p": 0.9, "temperature": 0.6},
        {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
        {"top_k": 50, "typical_p": 0.8},
        {"top_k": 30, "xtc_probability": 0.9, "xtc_threshold": 0.05},
        {"min_p": 0.1},
        {"min_p": 0.02, "temperature": 1.5},
        {"top_n_sigma": 1.0, "temperature": 1.4},
        {"top_n_sigma": 2.0, "top_k": 10},
        {"typical_p": 0.7},
        {"xtc_probability": 0.7, "xtc_threshold": 0.02},
        {"top_k": 40, "repetition_penalty": 1.3, "frequency_penalty": 0.4, "presence_penalty": 0.2},
        {"top_k": 40, "dry_multiplier": 2.0, "dry_allowed_length": 1},
        {"top_k": 5, "logit_bias": ((40, 6.0), (7, -4.0))},
        {"temperature": 0.0, "repetition_penalty": 1.3, "logit_bias": ((40, 9.0), (41, 9.0))},
        {"temperature": 0.0, "dry_multiplier": 3.0, "logit_bias": ((43, 12.0),)},
    ],
)
def test_the_same_seed_gives_the_tokens_that_llama_cpp_gives(backend, factory, row, changes):
    params = SamplingParams(**{"seed": 7, "penalty_window": 64, **changes})
    chain, sampler = plain_chain(backend, params), factory.make(params)
    sampler.accept_prompt(PROMPT)
    ours, theirs = [], []
    for step in range(25):
        fill(row, step)
        ours.append(sampler.sample(backend.context, 0))
        fill(row, step)
        theirs.append(llama_cpp.llama_sampler_sample(chain, backend.context.pointer, 0))
    llama_cpp.llama_sampler_free(chain)
    sampler.close()
    assert ours == theirs
    assert len(set(ours)) > 1 or params.top_k == 1


def test_temperature_zero_takes_the_first_of_equals_like_the_native_greedy_sampler(backend, factory, row):
    fill(row, 0)
    row[[900, 300, 700]] = 50.0
    greedy = llama_cpp.llama_sampler_init_greedy()
    native = llama_cpp.llama_sampler_sample(greedy, backend.context.pointer, 0)
    llama_cpp.llama_sampler_free(greedy)
    assert factory.make(SamplingParams(temperature=0)).sample(backend.context, 0) == native == 300
    assert choose(SamplingParams(temperature=0, top_k=3)) == "argmax"


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_a_draw_has_the_probabilities_of_the_softmax(row, temperature):
    fill(row, 3)
    candidates = Candidates(len(row))
    best = float(row.max())
    count = 20_000
    tokens = [candidates.draw(row, best, temperature, (step + 0.5) / count) for step in range(count)]
    wanted = np.exp((row.astype(np.float64) - best) / temperature)
    wanted /= wanted.sum()
    drawn = np.bincount(tokens, minlength=len(row)) / count
    assert np.abs(drawn - wanted).max() < 2 / count


def test_what_a_mask_has_ruled_out_is_never_drawn(row):
    candidates = Candidates(len(row))
    row[:] = -np.inf
    row[[5, len(row) - 1]] = [1.0, 1.5]
    drawn = {candidates.draw(row, 1.5, 1.0, number) for number in (0.0, 0.3, 0.999, 1 - 2**-53)}
    assert drawn == {5, len(row) - 1}
    assert list(candidates.largest(row, 10)) == [5, len(row) - 1]


@pytest.mark.parametrize("count", [1, 7, 40])
def test_the_largest_are_among_few(count):
    row = np.empty(20_011, np.float32)
    candidates = Candidates(len(row))
    for seed in range(20):
        fill(row, seed)
        found = candidates.largest(row, count)
        assert set(np.argsort(-row)[:count]) <= set(found)
        assert len(found) < 4 * count + 4
        assert list(found) == sorted(found)


@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.9])
def test_a_nucleus_is_the_fewest_tokens_with_the_mass(row, top_p):
    fill(row, 5, spread=4.0)
    candidates = Candidates(len(row))
    tokens = candidates.nucleus(row, float(row.max()), top_p)
    mass = np.exp(row.astype(np.float64))
    mass /= mass.sum()
    assert tokens is not None
    assert list(tokens) == list(np.argsort(-row, kind="stable")[: len(tokens)])
    assert mass[tokens].sum() >= top_p > mass[tokens[:-1]].sum()


def test_a_flat_distribution_has_no_small_nucleus_and_goes_the_long_way(backend, factory, row):
    fill(row, 6, spread=0.01)
    assert Candidates(len(row)).nucleus(row, float(row.max()), 0.9) is None
    params = SamplingParams(top_p=0.9, seed=3)
    chain, sampler = plain_chain(backend, params), factory.make(params)
    assert sampler.sample(backend.context, 0) == llama_cpp.llama_sampler_sample(chain, backend.context.pointer, 0)
    llama_cpp.llama_sampler_free(chain)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_an_error(backend, factory, row, value):
    fill(row, 0)
    row[17] = value
    with pytest.raises(ForwardError, match="no numbers"):
        factory.make(SamplingParams(top_k=5)).sample(backend.context, 0)


def test_a_mask_that_leaves_nothing_is_an_error(backend, factory, row):
    row[:] = -np.inf
    with pytest.raises(ForwardError):
        factory.make(SamplingParams(temperature=0)).sample(backend.context, 0)


def test_a_prompt_counts_for_the_penalties_as_far_as_the_window_reaches(backend, factory, row):
    fill(row, 0)
    row[[10, 20, 30]] = [30.0, 29.0, 28.0]
    params = SamplingParams(temperature=0, presence_penalty=5.0, penalty_window=2)
    sampler = factory.make(params)
    sampler.accept_prompt([10, 99, 20])
    assert sampler.sample(backend.context, 0) == 10
    assert sampler.sample(backend.context, 0) == 30  # the window holds 20 and the first 10


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("kind", ["below", "above", "nan"])
def test_every_field_is_checked(factory, name, kind):
    low, high = RANGES[name]
    value = {"below": low - 1, "above": high * 2 + 1, "nan": float("nan")}[kind]
    with pytest.raises(InvalidRequestError) as caught:
        factory.make(SamplingParams(**{name: value}))
    assert caught.value.param == name


@pytest.mark.parametrize("pair", [(-1, 1.0), (10**6, 1.0), (5, float("inf")), (5, float("nan"))])
def test_a_bias_that_makes_no_sense_is_refused(factory, pair):
    with pytest.raises(InvalidRequestError) as caught:
        factory.make(SamplingParams(logit_bias=(pair,)))
    assert caught.value.param == "logit_bias"


def test_a_closed_sampler_says_so(backend, factory, row):
    fill(row, 0)
    sampler = factory.make(SamplingParams(temperature=0))
    sampler.close()
    sampler.close()
    with pytest.raises(NativeError, match="closed"):
        sampler.sample(backend.context, 0)

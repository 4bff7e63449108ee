from labkit.engine.types import SamplingOverrides, SamplingParams


def test_overrides_win_and_what_is_not_set_stays():
    defaults = SamplingParams(temperature=0.3, top_k=20, seed=1)
    overrides = SamplingOverrides(temperature=0.0, logit_bias=((1, 2.0),))
    assert overrides.over(defaults) == SamplingParams(temperature=0.0, top_k=20, seed=1, logit_bias=((1, 2.0),))
    assert SamplingOverrides().over(defaults) == defaults

from labkit.api.figures import timings_object, usage_object
from labkit.engine.types import Timings, Usage

USAGE = Usage(prompt_tokens=10, completion_tokens=4, cached_tokens=6)
TIMINGS = Timings(queue_seconds=0.5, prefill_seconds=0.1, decode_seconds=0.2)


def test_usage_has_openais_names():
    assert usage_object(USAGE) == {
        "prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 6},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    assert usage_object(None) is None


def test_timings_have_llama_servers_names_and_survive_zero_seconds():
    assert timings_object(USAGE, TIMINGS) == {
        "cache_n": 6, "prompt_n": 4, "prompt_ms": 100.0, "prompt_per_token_ms": 25.0, "prompt_per_second": 40.0,
        "predicted_n": 4, "predicted_ms": 200.0, "predicted_per_token_ms": 50.0, "predicted_per_second": 20.0,
        "queue_ms": 500.0,
    }  # fmt: skip
    nothing = timings_object(Usage(10, 0, 10), Timings(0.0, 0.0, 0.0))
    assert nothing is not None
    assert (nothing["predicted_per_second"], nothing["prompt_per_token_ms"]) == (None, None)


def test_drafts_are_told_only_where_there_were_any():
    drafted = timings_object(Usage(10, 4, drafted_tokens=8, accepted_tokens=3), TIMINGS)
    assert drafted is not None
    assert (drafted["draft_n"], drafted["draft_n_accepted"]) == (8, 3)

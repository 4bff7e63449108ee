import math

import pytest

from labkit.api.ollama.durations import keep_alive_seconds
from labkit.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (None, None), (0, 0), (300, 300), (2.5, 2.5), (-1, math.inf), (-0.5, math.inf),
        ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("0", 0), ("0s", 0), ("90", 90), (".5s", 0.5),
        ("-1", math.inf), ("-1m", math.inf), ("+5s", 5),
    ],
)  # fmt: skip
def test_seconds_and_durations_as_go_writes_them(written, seconds):
    assert keep_alive_seconds(written) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("written", ["", "5 m", "m", "5x", "1h30", "--1", "inf", "nan", "1e3", "5m" * 30])
def test_what_is_no_duration_is_refused(written):
    with pytest.raises(InvalidRequestError, match="no duration") as caught:
        keep_alive_seconds(written)
    assert caught.value.param == "keep_alive"

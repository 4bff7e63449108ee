import asyncio

import pytest

from labkit.api.responses.truncation import room_for_prompt, shortened


def fit(letters, room):
    """Messages by the first letters of their roles; each counts as one token."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    messages = tuple({"role": roles[letter], "number": number} for number, letter in enumerate(letters))
    counted = []

    async def count(given):
        counted.append(given)
        return len(given)

    kept = asyncio.run(shortened(messages, room, count))
    return [message["number"] for message in kept], len(counted)


@pytest.mark.parametrize(
    ("letters", "room", "kept"),
    [
        ("suau", 4, [0, 1, 2, 3]),
        ("suau", 3, [0, 3]),
        ("uau", 2, [2]),
        ("suatauau", 7, [0, 5, 6, 7]),  # a call is not parted from its result
        ("suatauau", 3, [0, 7]),
        ("suatauau", 1, [0, 1, 2, 3, 4, 5, 6, 7]),  # nothing fits: the worker says so
        ("ss", 1, [0, 1]),
    ],
)
def test_the_longest_end_that_fits(letters, room, kept):
    assert fit(letters, room)[0] == kept


def test_few_counts_suffice():
    kept, num_counts = fit("s" + "ua" * 500 + "u", 300)
    assert (kept[0], kept[1], kept[-1]) == (0, 703, 1001)
    assert num_counts < 12


def test_room_is_left_for_the_answer():
    assert room_for_prompt(1000, 200) == 800
    assert room_for_prompt(1000, 5000) == 500
    assert room_for_prompt(1000, None) == 875

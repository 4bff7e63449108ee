import random

from hypothesis import given
from hypothesis import strategies as st

from labkit.engine.drafting.lookup import LENGTHS, PromptLookup


def expected_source(tokens: list[int]) -> int | None:
    """By search: the latest place after the longest n-gram that stood before."""
    for length in LENGTHS:
        last = tokens[-length:]
        for start in range(len(tokens) - length - 1, -1, -1):
            if len(last) == length and tokens[start : start + length] == last:
                return start + length
    return None


@given(st.lists(st.integers(0, 3), max_size=150), st.integers(0, 20))
def test_a_fresh_index_proposes_what_a_search_finds(tokens, count):
    source = expected_source(tokens)
    proposed = PromptLookup(tokens).propose(count)
    if source is None:
        assert proposed == ()
    else:
        period = len(tokens) - source
        assert list(proposed) == [tokens[source + place % period] for place in range(count)]


@given(st.lists(st.integers(0, 3), max_size=150), st.lists(st.integers(1, 100), max_size=20))
def test_it_does_not_matter_in_which_parts_the_tokens_come(tokens, sizes):
    parts, whole = PromptLookup(), PromptLookup(tokens)
    rest = list(tokens)
    for size in [*sizes, len(tokens)]:
        parts.extend(rest[:size])
        rest = rest[size:]
    assert len(parts) == len(whole) == len(tokens)
    assert parts.propose(8) == whole.propose(8)


def test_large_token_ids_are_the_same_in_a_prompt_and_in_a_step():
    prompt = [150_000 + number for number in range(100)]
    lookup = PromptLookup(prompt)  # by numpy
    for token in (7, 150_010, 150_011):  # one by one
        lookup.extend([token])
    assert lookup.propose(3) == (150_012, 150_013, 150_014)


def test_after_full_acceptance_the_source_is_read_on():
    first, second = [1, 2, 3, 4, 5, 6], [1, 2, 9, 9, 3, 4, 8]
    lookup = PromptLookup([*first, *second, 77, 1, 2, 3])
    assert lookup.propose(1) == (4,)
    lookup.extend([4])
    # A new search for "3 4" would find the later place, and propose 8.
    assert lookup.propose(2) == (5, 6)
    lookup.extend([5, 0])
    assert lookup.propose(2) == ()


def test_the_longest_match_wins_over_the_latest():
    lookup = PromptLookup([1, 2, 3, 4, 50, 3, 4, 60, 1, 2, 3, 4])
    assert lookup.propose(1) == (50,)


def test_a_loop_is_proposed_as_long_as_asked():
    lookup = PromptLookup([5, 6, 5, 6, 5, 6])
    assert lookup.propose(6) == (5, 6, 5, 6, 5, 6)


def test_an_edit_takes_few_steps():
    chance = random.Random(1)
    document = [chance.randrange(50_000) for _ in range(400)]
    edited = [*document[:100], 7, *document[101:250], *document[260:]]
    lookup = PromptLookup(document)
    steps, done = 0, 0
    while done < len(edited):
        draft = lookup.propose(16)
        accepted = 0
        while accepted < len(draft) and done + accepted < len(edited) and draft[accepted] == edited[done + accepted]:
            accepted += 1
        new = edited[done : done + accepted + 1]
        lookup.extend(new)
        done += len(new)
        steps += 1
    assert steps <= 34  # 390 tokens: one step for 17 where nothing changes, three more at each change and the start

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.engine.tiers.identity import packed
from labkit.engine.tiers.prefixes import PrefixIndex

# Few symbols, so that sequences share beginnings; 256 and 65536 differ from 0 in one byte only.
TOKENS = st.lists(st.sampled_from([0, 1, 256, 65536]), min_size=1, max_size=8)


def common_length(first: list[int], second: list[int]) -> int:
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    return length


@given(st.lists(st.tuples(TOKENS, st.booleans()), max_size=30), TOKENS)
def test_it_finds_what_a_search_through_all_sequences_finds(operations, prompt):
    index = PrefixIndex()
    stored: dict[str, list[int]] = {}
    for tokens, is_added in operations:
        key = repr(tokens)
        if is_added:
            index.add(key, packed(tokens))
            stored[key] = tokens
        else:
            index.remove(key)
            stored.pop(key, None)
    assert len(index) == len(stored)
    assert all(key in index for key in stored)
    best = max((common_length(tokens, prompt) for tokens in stored.values()), default=0)
    found = index.longest_common(packed(prompt))
    if best == 0:
        assert found is None
    else:
        assert found is not None
        assert found[1] == 4 * best == 4 * common_length(stored[found[0]], prompt)
    whole = sorted(len(tokens) for tokens in stored.values() if prompt[: len(tokens)] == tokens)
    beginnings = index.whole_beginnings(packed(prompt))
    assert [size for _, size in beginnings] == [4 * length for length in whole]
    assert all(4 * len(stored[key]) == size for key, size in beginnings)


def test_removing_everything_leaves_nothing_behind():
    index = PrefixIndex()
    sequences = {"a": [1, 2, 3], "b": [1, 2, 4], "c": [1, 2], "d": [9]}
    for key, tokens in sequences.items():
        index.add(key, packed(tokens))
    for key in sequences:
        index.remove(key)
        index.remove(key)
    assert not index
    assert index.longest_common(packed([1, 2, 3])) is None
    assert index._root.children == {}


def test_of_several_continuations_a_short_one_is_taken():
    index = PrefixIndex()
    index.add("long", packed([1, 2, *range(100)]))
    index.add("short", packed([1, 2, 200]))
    assert index.longest_common(packed([1, 2, 300])) == ("short", 8)


@pytest.mark.parametrize("count", [3000])
def test_thousands_of_branches_behind_one_system_prompt(count):
    index = PrefixIndex()
    system = list(range(500))
    for number in range(count):
        index.add(str(number), packed([*system, number, number + 1, number + 2]))
    assert index.longest_common(packed([*system, 77, 78, 5])) == ("77", 4 * 502)
    found = index.longest_common(packed([*system, count + 5]))
    assert found is not None
    assert found[1] == 4 * 500

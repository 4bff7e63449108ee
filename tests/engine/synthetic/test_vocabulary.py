import pytest

from labkit.engine.synthetic.vocabulary import CONTROL_TOKENS, SPACE, TURN_END, build_vocabulary
from labkit.errors import InputError


@pytest.mark.parametrize("size", [259, 512, 2000, 151_936, 262_208])
def test_a_vocabulary_has_exactly_the_asked_size_and_no_token_twice(size):
    vocabulary = build_vocabulary(size)
    assert vocabulary.size == len(set(vocabulary.tokens)) == size
    assert vocabulary.tokens[-3:] == tuple(token.encode() for token in CONTROL_TOKENS)
    assert vocabulary.id_of(TURN_END) == size - 1


def test_every_merge_joins_two_earlier_tokens_into_a_later_one():
    vocabulary = build_vocabulary(20_000)
    places = {token: place for place, token in enumerate(vocabulary.tokens)}
    for merge in vocabulary.merges:
        left, right = merge.split(b" ")
        assert max(places[left], places[right]) < places[left + right]


def test_the_first_256_tokens_are_bytes():
    tokens = build_vocabulary(300).tokens[:256]
    assert {token.decode() for token in tokens} == {token.decode() for token in set(tokens)}
    assert all(len(token.decode()) == 1 for token in tokens)
    assert tokens[ord(" ")].decode() == SPACE


@pytest.mark.parametrize(("size", "says"), [(100, "too small"), (3_000_000, "too large")])
def test_impossible_sizes_are_refused(size, says):
    with pytest.raises(InputError, match=says):
        build_vocabulary(size)

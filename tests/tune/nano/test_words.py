import random

from labkit.tune.nano.words import Source, alter_word, invent_word, is_held_out, scramble_word


def test_about_an_eighth_of_all_keys_is_held_out():
    share = sum(is_held_out(f"{a} + {b}") for a in range(100) for b in range(100)) / 10_000
    assert 0.11 < share < 0.14


def test_case_and_outer_spaces_do_not_change_the_side():
    assert all(is_held_out(word) == is_held_out(f" {word.upper()} ") for word in ("anna", "oslo", "kiwi", "blue"))


def test_a_source_draws_from_its_side_only():
    for held_out in (False, True):
        source = Source(random.Random(1), held_out)
        drawn = [source.word() for _ in range(200)] + [source.name() for _ in range(200)] + [source.city()]
        assert {is_held_out(word) for word in drawn} == {held_out}


def test_words_are_different_and_lower_case():
    words = Source(random.Random(2)).words(8, 8)
    assert len(set(words)) == 8
    assert all(word == word.lower() for word in words)


def test_invented_words_are_letters():
    rng = random.Random(3)
    made = [invent_word(rng) for _ in range(50)] + [scramble_word(rng) for _ in range(50)] + [alter_word(rng, "oslo")]
    assert all(word.isalpha() for word in made)

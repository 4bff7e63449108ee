from labkit.engine.types import TokenLogprob
from labkit.worker.logprobs import LEAST_LOGPROB, HeldLogprobs

PIECES = {0: b"", 1: b"Hel", 2: b"lo", 3: b" STOP", 4: "é".encode()[:1], 5: "é".encode()[1:]}


def held():
    return HeldLogprobs(PIECES.__getitem__)


def tokens(*entries):
    return [entry.chosen.bytes for entry in entries]


def test_entries_come_with_their_text():
    logprobs = held()
    (entry,) = logprobs.feed([TokenLogprob(1, -0.5, ((1, -0.5), (2, -1.0)))], "Hel")
    assert (entry.chosen.bytes, entry.chosen.logprob) == (b"Hel", -0.5)
    assert [(top.bytes, top.logprob) for top in entry.top] == [(b"Hel", -0.5), (b"lo", -1.0)]


def test_an_entry_waits_while_its_text_does():
    logprobs = held()
    assert logprobs.feed([TokenLogprob(1, -0.5)], "") == ()
    assert tokens(*logprobs.feed([TokenLogprob(2, -0.5)], "Hello")) == [b"Hel", b"lo"]


def test_tokens_of_a_stop_text_and_of_the_end_are_not_told():
    logprobs = held()
    assert tokens(*logprobs.feed([TokenLogprob(1, -0.5)], "Hel")) == [b"Hel"]
    assert logprobs.feed([TokenLogprob(3, -0.5)], "") == ()
    assert logprobs.feed([TokenLogprob(0, -0.1)], "") == ()


def test_a_completion_is_told_of_every_token():
    logprobs = HeldLogprobs(PIECES.__getitem__, {**PIECES, 0: b"<end>"}.__getitem__)
    assert tokens(*logprobs.feed([TokenLogprob(1, -0.5)], "Hel")) == [b"Hel"]
    assert logprobs.feed([TokenLogprob(3, -0.5)], "") == ()
    assert tokens(*logprobs.feed([TokenLogprob(0, -0.1)], "", is_last=True)) == [b" STOP", b"<end>"]


def test_halves_of_a_character_spell_it():
    logprobs = held()
    assert logprobs.feed([TokenLogprob(4, -0.5)], "") == ()
    assert b"".join(tokens(*logprobs.feed([TokenLogprob(5, -0.5)], "é"))).decode() == "é"


def test_minus_infinity_is_a_number_on_the_wire():
    (entry,) = held().feed([TokenLogprob(1, 0.0, ((2, float("-inf")),))], "Hel")
    assert entry.top[0].logprob == LEAST_LOGPROB

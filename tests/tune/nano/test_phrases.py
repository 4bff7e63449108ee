from labkit.tune.nano.phrases import expand, load_phrases, split_by_hash


def test_alternatives_are_expanded_and_spaces_closed_up():
    assert expand("{do|can} i {start| go} it") == ["do i start it", "do i go it", "can i start it", "can i go it"]
    assert expand("good {|day}") == ["good", "good day"]


def test_single_braces_stay():
    assert expand("what is {}") == ["what is {}"]


def test_the_sides_share_nothing_and_lose_nothing():
    texts = [f"question {number}" for number in range(100)] * 2
    trained, held_out = split_by_hash(texts)
    assert not set(trained) & set(held_out)
    assert len(trained) + len(held_out) == 100
    assert held_out


def test_every_entry_is_short_and_has_trained_phrases():
    for kind, least in (("faq", 50), ("small_talk", 8)):
        entries = load_phrases(kind)
        assert len(entries) >= least
        assert len({entry.answer for entry in entries}) == len(entries)
        for entry in entries:
            assert len(entry.trained) >= 5, entry.answer
            assert entry.held_out, entry.answer
            assert len(entry.answer) < 140


def test_no_question_has_two_answers():
    seen: dict[str, str] = {}
    for kind in ("faq", "small_talk"):
        for entry in load_phrases(kind):
            for text in entry.trained + entry.held_out:
                assert seen.setdefault(text, entry.answer) == entry.answer, text

from labkit.engine.drafting import PromptDrafter


def test_each_sequence_has_its_own_index():
    drafter = PromptDrafter()
    assert drafter.propose("a", [1, 2, 3, 1, 2], 1) == (3,)
    assert drafter.propose("b", [1, 2, 4, 1, 2], 1) == (4,)
    assert drafter.propose("a", [1, 2, 3, 1, 2, 3], 1) == (1,)
    assert drafter.propose("b", [1, 2, 4, 1, 2, 9], 1) == ()


def test_a_forgotten_id_may_be_used_for_another_sequence():
    drafter = PromptDrafter()
    drafter.propose("a", [1, 2, 3, 1, 2], 1)
    drafter.forget("a")
    drafter.forget("a")
    assert drafter.propose("a", [1, 2, 5, 6, 1, 2], 2) == (5, 6)


def test_a_shorter_sequence_is_another_one():
    drafter = PromptDrafter()
    drafter.propose("a", [1, 2, 3, 1, 2], 1)
    assert drafter.propose("a", [7, 8, 7], 1) == ()

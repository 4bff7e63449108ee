from labkit.tune.nano import BARS, REPORTED, benchmark_items
from labkit.tune.nano.tasks import TASKS


def test_items_are_different_and_the_same_again():
    items = benchmark_items("extract", 50)
    assert items == benchmark_items("extract", 50)
    assert items != benchmark_items("extract", 50, seed=1)
    assert len({repr(item.messages) for item in items}) == 50


def test_every_scored_task_has_enough_items():
    for task in (*BARS, *REPORTED):
        assert task in TASKS
        assert len(benchmark_items(task, 200)) == 200, task


def test_the_question_does_not_hold_the_answering_turn():
    for item in benchmark_items(None, 5):
        assert item.messages[-1]["role"] in ("user", "tool")
        assert item.expected

"""The shipped model file is the one that was scored, and its card says so."""

import hashlib
import json

from labkit.resources import embedded_model
from labkit.tune.nano import BARS, REPORTED

FOLDER = embedded_model().parent
SCORES = json.loads((FOLDER / "scores.json").read_text(encoding="utf-8"))


def test_the_shipped_file_is_the_scored_one():
    assert hashlib.sha256(embedded_model().read_bytes()).hexdigest() == SCORES["sha256"]


def test_the_file_is_small():
    assert embedded_model().stat().st_size <= 8_000_000


def test_every_task_was_scored_on_a_hundred_items_or_more():
    assert [score["task"] for score in SCORES["scores"]] == [*BARS, *REPORTED]
    assert all(score["num_items"] >= 100 for score in SCORES["scores"])


def test_the_card_shows_the_recorded_scores():
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    for score in SCORES["scores"]:
        assert f"| {score['task']} | {score['share']:.3f} |" in card


def test_the_training_log_ends_at_the_recipes_last_step():
    rows = [json.loads(line) for line in (FOLDER / "training_log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[-1]["step"] == rows[-1]["steps"]
    assert rows[-1]["processed_tokens"] > 10_000_000

"""Multiple-choice questions made by a rule, so that nobody's data set is needed."""

_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def _after(words: list[str], what: str) -> list[dict]:
    return [
        {
            "question": f"Question: Which {what} comes after {word}?\nAnswer:",
            "choices": [f" {words[(k + step) % len(words)]}" for step in (1, 2, 3, -1)],
            "answer": 0,
        }
        for k, word in enumerate(words)
    ]


QUESTIONS = [*_after(_DAYS, "day"), *_after(_NUMBERS, "number"), *_after(["h\u00e9", "\u4f60\u597d", "\u20ac"], "sign")]

"""Names for what has none yet: answers, questions to a worker, items."""

import uuid


def new_id(start: str) -> str:
    """An id that nobody guesses and no other request has: `start` says what of, as "chatcmpl-" or "resp_"."""
    return f"{start}{uuid.uuid4().hex}"


def question_id() -> str:
    """An id for a question to a worker, which no client ever sees."""
    return new_id("ask-")

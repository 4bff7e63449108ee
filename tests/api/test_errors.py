import inspect

import pytest

from labkit import errors
from labkit.api.error_responses import error_response
from labkit.api.errors import BugError, envelope, status_of

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.LabkitError)]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_an_envelope(kind):
    error = kind.__new__(kind)
    errors.LabkitError.__init__(error, "what is wrong", hint="what to do")
    assert 400 <= status_of(error) < 600
    body = envelope(error)["error"]
    assert set(body) == {"message", "type", "param", "code"}
    assert body["message"] == "what is wrong (what to do)"
    assert body["code"].islower()
    assert body["type"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidRequestError("no", param="n"), 400, "invalid_value"),
        (errors.ContextLengthExceededError(9, 8), 400, "context_length_exceeded"),
        (errors.ModelNotFoundError("x"), 404, "model_not_found"),
        (errors.RequestTooLargeError(1), 413, "request_too_large"),
        (errors.UnsupportedContentError("no"), 415, "unsupported_content"),
        (errors.RefusedError("no"), 403, "refused"),
        (errors.AuthenticationError("no"), 401, "invalid_api_key"),
        (errors.BudgetExceededError("no", retry_after_seconds=3), 429, "rate_limit_exceeded"),
        (errors.QueueFullError("full", retry_after_seconds=3), 429, "queue_full"),
        (errors.NotReadyError("no"), 503, "not_ready"),
        (errors.WorkerDiedError("no"), 502, "worker_died"),
        (errors.InsufficientMemoryError("no"), 507, "insufficient_memory"),
        (errors.ForwardError("no"), 500, "forward"),
    ],
)
def test_status_and_code(error, status, code):
    assert status_of(error) == status
    assert envelope(error)["error"]["code"] == code


def test_a_full_queue_says_when_to_come_back():
    assert (
        error_response(errors.QueueFullError("full", retry_after_seconds=3), "/v1/models").headers["retry-after"] == "3"
    )


def test_a_context_error_names_both_numbers_and_the_field():
    body = envelope(errors.ContextLengthExceededError(5000, 4096))["error"]
    assert "5000" in body["message"]
    assert "4096" in body["message"]
    assert body["param"] == "messages"


def test_a_bug_tells_nothing_of_itself():
    assert envelope(BugError())["error"]["code"] == "internal_error"

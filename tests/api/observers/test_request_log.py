import logging

import pytest

from fakes.observations import generate, observation, of_key
from labkit.api.observers import RequestLog
from labkit.api.observers.request_log import facts_of, text_of
from labkit.errors import InvalidRequestError


def test_a_line_says_what_ran_how_long_and_how_it_ended():
    text = text_of(facts_of(observation()))
    assert text == (
        "POST /v1/chat/completions 200 tiny length 10+4 tokens (6 cached) first after 200.0 ms 1000.0 ms req-1"
    )
    assert text_of(facts_of(of_key("ab12"))).endswith("key ab12 req-1")


def test_facts_are_those_of_the_request():
    facts = facts_of(observation(is_stream=True, error=InvalidRequestError("CANARY", param="x"), status=400))
    assert facts["answer_id"] == "chatcmpl-1"
    assert facts["operation"] == "chat"
    assert facts["prefill_seconds"] == 0.15
    assert facts["stream"] is True
    assert facts["error"] == "InvalidRequest"
    assert facts["error_status"] == 400


def test_neither_prompt_nor_error_text_is_in_it():
    one = observation(operation=generate(text="CANARY"), error=InvalidRequestError("CANARY is no number"))
    assert "CANARY" not in str(facts_of(one))


def test_a_line_stays_one_line_whatever_a_client_sends():
    text = text_of(facts_of(observation(model="a\r\n2026 INFO forged\x1b[31m\u2028x", method="GE\nT")))
    assert text.isprintable()
    assert "a\\r\\n2026 INFO forged\\x1b[31m\\u2028x" in text


@pytest.mark.parametrize(
    ("route", "status", "level"), [("/health", 200, "DEBUG"), ("/health", 503, "INFO"), ("/x", 200, "INFO")]
)
def test_polls_that_go_well_are_worth_no_line(caplog, route, status, level):
    caplog.set_level(logging.DEBUG, "labkit.requests")
    RequestLog().ended(observation(route=route, status=status, operation=None))
    assert [record.levelname for record in caplog.records] == [level]
    assert caplog.records[0].request["route"] == route

import json

import pytest

from load.answer import read_answer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = (
    {"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": None}]},
    {"choices": [{"delta": {"content": "héé"}, "finish_reason": None}]},
    {"choices": [{"delta": {"reasoning_content": " b"}, "finish_reason": "length"}]},
    {
        "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}},
    },
)


def response(*events, head=HEAD):
    """A streamed answer as a server writes it: every event a chunk."""
    bodies = [f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode() for event in events]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies)


def done(*events):
    return response(*events) + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_bytes_may_be_cut_anywhere(size):
    data = done(*EVENTS)
    answer = read_answer(0.0, [(float(start), data[start : start + size]) for start in range(0, len(data), size)])
    assert answer.problem is None
    assert (answer.text, answer.finish_reason) == ("héé b", "length")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (3, 5, 1)
    assert len(answer.token_times) == 2


def test_an_event_has_the_time_of_its_last_byte():
    data = done(*EVENTS)
    cut = data.index("héé".encode()) + 2
    answer = read_answer(1.0, [(2.0, data[:cut]), (3.5, data[cut:])])
    assert answer.token_times == (3.5, 3.5)
    assert (answer.ttft_seconds, answer.seconds, answer.gaps_seconds) == (2.5, 2.5, (0.0,))


def test_a_server_that_counts_nothing_has_as_many_tokens_as_events_with_text():
    assert read_answer(0.0, [(1.0, done(*EVENTS[:3]))]).completion_tokens == 2


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\n\r\nqueue is full", "queue is full"),
        (b"", "closed"),
        (response(*EVENTS), r"without \[DONE\]"),
        (done(EVENTS[0]), "no text"),
        (response(*EVENTS, {"error": {"message": "out of cells"}}), "out of cells"),
    ],
)
def test_what_is_not_a_whole_answer_says_why(data, problem):
    answer = read_answer(0.0, [(1.0, data)] if data else [])
    with pytest.raises(RuntimeError, match=problem):
        answer.require_complete()


def test_a_body_without_chunks():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    body = f"data: {json.dumps(EVENTS[1])}\r\n\r\ndata: [DONE]\r\n\r\n".encode()
    assert read_answer(0.0, [(1.0, head + body)]).text == "héé"

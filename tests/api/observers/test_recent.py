import pytest

from fakes.observations import REPORT, observation, of_key
from labkit.api.errors import UnknownUrlError
from labkit.api.observation import ANYBODY, Caller
from labkit.api.observers import RecentRequests
from labkit.api.observers import recent as module
from labkit.errors import AuthenticationError, InvalidRequestError


def numbered(number, **fields):
    return observation(request_id=f"req-{number}", answer_id=f"chatcmpl-{number}", **fields)


def over(recent, *observations):
    for one in observations:
        recent.started(one)
        recent.ended(one)
    return recent


def ids(recent, caller=ANYBODY, limit=100):
    return [found["request_id"] for found in recent.newest(caller, limit)]


def test_a_request_is_found_by_either_id():
    recent = over(RecentRequests(), numbered(1), numbered(2))
    assert recent.find("req-1", ANYBODY)["answer_id"] == "chatcmpl-1"
    assert recent.find("chatcmpl-2", ANYBODY)["request_id"] == "req-2"
    assert recent.find("chatcmpl-3", ANYBODY) is None
    assert recent.find("", ANYBODY) is None


def test_how_an_id_begins_is_enough_where_it_is_the_only_one():
    first = observation(request_id="req-aaaa1111", answer_id="chatcmpl-aaaa1111")
    second = observation(request_id="req-aaaa2222", answer_id="chatcmpl-bbbb2222", caller=Caller(key_id="other"))
    recent = over(RecentRequests(), first, second)
    assert recent.find("chatcmpl-a", ANYBODY)["request_id"] == "req-aaaa1111"
    assert recent.find("req-aaaa2", ANYBODY)["request_id"] == "req-aaaa2222"
    assert recent.find("req-aaaa", ANYBODY) is None  # two begin so
    assert recent.find("req-aaaa", Caller(key_id="other"))["request_id"] == "req-aaaa2222"  # one of its own
    assert recent.find("chatcmpl", ANYBODY) is None
    assert recent.find("req-a", ANYBODY) is None  # too short to mean one


def test_the_newest_come_first_and_running_ones_before_them():
    recent = over(RecentRequests(), numbered(1), numbered(2))
    running = numbered(3, ended=None)
    recent.started(running)
    assert ids(recent) == ["req-3", "req-2", "req-1"]
    assert ids(recent, limit=2) == ["req-3", "req-2"]
    assert recent.find("chatcmpl-3", ANYBODY)["state"] == "running"
    running.ended = 102.0
    recent.ended(running)
    assert ids(recent) == ["req-3", "req-2", "req-1"]
    assert recent.find("chatcmpl-3", ANYBODY)["state"] == "finished"


def test_a_key_sees_its_own_requests_alone():
    mine, theirs = (
        of_key("mine", request_id="req-a", answer_id="a"),
        of_key("theirs", request_id="req-b", answer_id="b"),
    )
    recent = over(RecentRequests(), mine, theirs)
    recent.started(of_key("theirs", request_id="req-c", answer_id="c", ended=None))
    assert ids(recent, Caller(key_id="mine")) == ["req-a"]
    assert recent.find("req-b", Caller(key_id="mine")) is None
    assert recent.find("b", Caller(key_id="mine")) is None
    assert recent.find("c", Caller(key_id="mine")) is None
    assert len(ids(recent)) == 3


def test_companions_of_other_keys_are_not_named():
    import msgspec

    together = msgspec.structs.replace(REPORT, companions=("a2", "b"), most_companions=2)
    recent = over(
        RecentRequests(),
        of_key("mine", request_id="req-a", answer_id="a", reports=(together,)),
        of_key("mine", request_id="req-a2", answer_id="a2"),
        of_key("theirs", request_id="req-b", answer_id="b"),
    )
    assert recent.find("a", Caller(key_id="mine"))["choices"][0]["companions"] == ["a2"]
    assert recent.find("a", Caller(key_id="mine"))["choices"][0]["most_companions"] == 2
    assert recent.find("a", ANYBODY)["choices"][0]["companions"] == ["a2", "b"]


def test_the_ring_is_bounded_by_count():
    recent = over(RecentRequests(records=3), *(numbered(number) for number in range(5)))
    assert ids(recent) == ["req-4", "req-3", "req-2"]
    assert recent.find("chatcmpl-0", ANYBODY) is None


def test_the_ring_is_bounded_by_bytes():
    import msgspec

    long = msgspec.structs.replace(REPORT, prompt="x" * 5000)
    recent = over(RecentRequests(size_bytes=20_000), *(numbered(number, reports=(long,)) for number in range(10)))
    assert 1 <= len(ids(recent)) <= 3
    assert ids(recent)[0] == "req-9"
    assert over(RecentRequests(size_bytes=10), numbered(1)).newest(ANYBODY, 5) == []


def test_old_requests_are_forgotten(monkeypatch):
    recent = over(RecentRequests(age_seconds=60), numbered(1))
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + 61)
    assert ids(recent) == []
    assert recent.find("req-1", ANYBODY) is None


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [
        (None, False),
        (AuthenticationError("no key"), False),
        (UnknownUrlError("GET", "/x", 404, ""), False),
        (InvalidRequestError("bad", param="top_p"), True),
    ],
)
def test_what_never_reached_a_model_is_kept_only_if_its_sender_may_want_to_know_why(error, is_kept):
    recent = over(RecentRequests(), observation(operation=None, error=error))
    assert bool(ids(recent)) == is_kept

import pytest

from labkit.api.responses import store as store_module
from labkit.api.responses.store import ResponseStore, StoreLimits
from labkit.errors import InvalidRequestError, ResponseNotFoundError

ANN, BOB = ("", "ann"), ("", "bob")


def put(store, name, owner=ANN, text="hello", previous=None):
    output = [{"id": f"msg_{name}", "type": "message", "role": "assistant", "content": text}]
    said = [{"id": f"in_{name}", "type": "message", "role": "user", "content": name}]
    store.put(owner, {"id": name, "output": output}, said, previous)


def test_a_response_is_given_back_to_its_owner_alone():
    store = ResponseStore()
    put(store, "a")
    assert store.get(ANN, "a").body()["id"] == "a"
    assert store.item(ANN, "msg_a")["content"] == "hello"
    assert store.item(BOB, "msg_a") is None
    for act in (store.get, store.delete):
        with pytest.raises(ResponseNotFoundError):
            act(BOB, "a")
    with pytest.raises(InvalidRequestError):
        store.conversation(BOB, "a")
    with pytest.raises(ResponseNotFoundError):
        store.get(("other tenant", "ann"), "a")


def test_a_conversation_is_all_items_from_the_first_on():
    store = ResponseStore()
    put(store, "a")
    put(store, "b", previous="a")
    assert [item["id"] for item in store.conversation(ANN, "b")] == ["in_a", "msg_a", "in_b", "msg_b"]
    store.delete(ANN, "a")
    with pytest.raises(InvalidRequestError, match="'a', which the conversation goes back to") as caught:
        store.conversation(ANN, "b")
    assert caught.value.code == "previous_response_not_found"


def test_the_oldest_leave_when_there_are_too_many_but_not_those_in_use():
    store = ResponseStore(StoreLimits(responses=3))
    put(store, "a")
    put(store, "b")
    put(store, "c", previous="a")
    store.conversation(ANN, "c")
    put(store, "d")
    assert store.num_responses == 3
    assert [store.item(ANN, f"msg_{name}") is not None for name in "abcd"] == [True, False, True, True]


def test_bytes_are_bounded_and_who_holds_most_gives_way():
    store = ResponseStore(StoreLimits(bytes=20_000))
    put(store, "mine", BOB)
    for number in range(100):
        put(store, f"r{number}", ANN, "x" * 1000)
        assert store.num_bytes <= 20_000
    assert store.get(BOB, "mine")
    assert store.get(ANN, "r99")
    put(store, "huge", ANN, "x" * 30_000)
    assert store.item(ANN, "msg_huge") is None
    assert store.get(ANN, "r99")


def test_what_is_deleted_or_old_takes_no_room(monkeypatch):
    store = ResponseStore(StoreLimits(seconds=60))
    now = store_module.monotonic()
    put(store, "a")
    put(store, "b")
    store.delete(ANN, "a")
    monkeypatch.setattr(store_module, "monotonic", lambda: now + 3600)
    with pytest.raises(ResponseNotFoundError):
        store.get(ANN, "b")
    assert (store.num_responses, store.num_bytes) == (0, 0)


def test_a_response_that_is_put_twice_is_counted_once():
    store = ResponseStore()
    put(store, "a")
    size = store.num_bytes
    put(store, "a")
    assert store.num_bytes == size

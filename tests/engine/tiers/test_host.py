from labkit.engine.tiers.host import HostTier


def test_the_least_recently_used_leaves_first():
    host = HostTier(30)
    assert host.put("a", bytes(10)) == []
    assert host.put("b", bytes(10)) == []
    assert host.put("c", bytes(10)) == []
    assert host.get("a") == bytes(10)
    assert host.put("d", bytes(20)) == [("b", bytes(10)), ("c", bytes(10))]
    assert [key for key, _ in host.items()] == ["a", "d"]
    assert host.used_bytes == 30


def test_what_is_larger_than_the_budget_is_handed_back_and_evicts_nothing():
    host = HostTier(30)
    host.put("a", bytes(10))
    assert host.put("b", bytes(31)) == [("b", bytes(31))]
    assert "a" in host
    assert "b" not in host


def test_a_state_that_is_put_again_is_counted_once():
    host = HostTier(30)
    host.put("a", bytes(10))
    host.put("a", bytes(20))
    assert (len(host), host.used_bytes) == (1, 20)
    host.remove("a")
    host.remove("a")
    assert (len(host), host.used_bytes) == (0, 0)
    assert host.get("a") is None

import hashlib

import pytest

from labkit.access.keys import ApiKey, Budget, digest_of, draw_key, find_key, has_key_form


def key(name="ada", text="lk_x", **fields):
    return ApiKey(id=name, name=name, digest=digest_of(text), created_at=0.0, **fields)


def test_a_key_has_a_public_id_and_256_random_bits():
    key_id, text = draw_key()
    prefix, shown_id, secret = text.split("_")
    assert (prefix, shown_id) == ("lk", key_id)
    assert len(bytes.fromhex(secret)) == 32
    assert has_key_form(text)
    assert len({draw_key()[1] for _ in range(100)}) == 100


@pytest.mark.parametrize("text", ["", "not-needed", "sk-abc", "EMPTY", "lk_", "lk_1234_5", "Lk_00000000_" + "0" * 64])
def test_words_that_clients_make_up_are_no_keys(text):
    assert not has_key_form(text)


def test_only_a_hash_is_kept():
    _, text = draw_key()
    assert digest_of(text) == hashlib.sha256(text.encode()).hexdigest()
    assert text not in repr(key(text=text))


def test_the_right_key_is_found_among_many():
    keys = [key(str(number), f"text {number}") for number in range(50)]
    assert find_key(keys, "text 31") is keys[31]
    assert find_key(keys, "text 50") is None
    assert find_key(keys, "text \ud800") is None
    assert find_key([], "text") is None


def test_expiry():
    assert not key().is_expired(1e12)
    assert not key(expires_at=100.0).is_expired(99.9)
    assert key(expires_at=100.0).is_expired(100.0)


def test_models():
    assert key().allows("anything")
    limited = key(models=("qwen3-*", "Nano"))
    assert limited.allows("Qwen3-8B:Q4_K_M")
    assert limited.allows("other", "nano")
    assert not limited.allows("llama-3", "nano-2")


def test_keys_share_cells_only_by_name():
    assert key("a").effective_tenant != key("b").effective_tenant
    assert key("a", tenant="team").effective_tenant == key("b", tenant="team").effective_tenant == "team"


def test_a_budget_without_limits_is_none():
    assert not Budget().is_limited
    assert Budget(requests_per_day=0).is_limited

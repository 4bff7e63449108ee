import pytest

from labkit.access.failures import MAX_ADDRESSES, FailureLog
from labkit.access.gate import Gate, PastUse, require_model
from labkit.access.key_file import KeyBook, KeyFile
from labkit.access.keys import Budget, draw_key
from labkit.access.meter import DAY
from labkit.errors import AuthenticationError, BudgetExceededError, RefusedError


class Clock:
    """Monotonic time and the date, moved by hand, each by itself."""

    def __init__(self):
        self.now, self.date = 1000.0, 1.7e9

    def gate(self, path, **changes):
        options = {"require_key": False, "now": lambda: self.now, "today": lambda: self.date} | changes
        return Gate(KeyBook(path), **options)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def test_a_key_is_recognized(clock, path):
    key, text = KeyFile(path).create("ada")
    gate = clock.gate(path)
    assert gate.identify([text]) == key
    assert gate.identify(["not-needed", text]) == key


def test_where_no_key_is_needed_any_word_will_do(clock, path):
    gate = clock.gate(path)
    assert gate.identify([]) is None
    assert gate.identify(["EMPTY"]) is None


def test_a_wrong_key_is_refused_even_there(clock, path):
    with pytest.raises(AuthenticationError, match="not known"):
        clock.gate(path).identify([draw_key()[1]])


@pytest.mark.parametrize("presented", [[], ["sk-1234"], [""]])
def test_where_a_key_is_needed_nothing_else_will_do(clock, path, presented):
    with pytest.raises(AuthenticationError, match="needs an API key") as caught:
        clock.gate(path, require_key=True).identify(presented)
    assert "labkit keys create" in caught.value.hint


def test_a_revoked_and_an_expired_key_are_refused(clock, path):
    file = KeyFile(path)
    _, ada = file.create("ada")
    _, bob = file.create("bob", expires_at=clock.date + 60)
    gate = clock.gate(path)
    assert gate.identify([ada])
    assert gate.identify([bob])
    file.revoke("ada")
    clock.date += 60
    for text in (ada, bob):
        with pytest.raises(AuthenticationError, match="expired"):
            gate.identify([text])


@pytest.mark.parametrize("step", [-DAY, DAY])
def test_a_clock_that_is_set_changes_no_budget(clock, path, step):
    key, _ = KeyFile(path).create("ada", budget=Budget(requests_per_minute=1, requests_per_day=2))
    gate = clock.gate(path)
    gate.enter(key).leave(1)
    clock.date += step
    with pytest.raises(BudgetExceededError):
        gate.enter(key)
    clock.now += 60
    gate.enter(key).leave(1)


def test_budgets_are_each_key_s_own(clock, path):
    ada, _ = KeyFile(path).create("ada", budget=Budget(requests_per_minute=1))
    bob, _ = KeyFile(path).create("bob", budget=Budget(requests_per_minute=1))
    gate = clock.gate(path)
    gate.enter(ada).leave(0)
    gate.enter(bob).leave(0)
    with pytest.raises(BudgetExceededError):
        gate.enter(ada)


def test_a_visit_gives_back_what_it_does_not_use(clock, path):
    key, _ = KeyFile(path).create("ada", budget=Budget(tokens_per_minute=100))
    gate = clock.gate(path)
    visit = gate.enter(key)
    visit.reserve(30)
    visit.reserve(40)
    assert gate.standings(key)["tokens"].remaining == 30
    visit.leave(5)
    assert gate.standings(key)["tokens"].remaining == 95


def test_what_was_used_before_a_restart_counts(clock, path):
    key, _ = KeyFile(path).create("ada", budget=Budget(tokens_per_day=100))
    past = [PastUse(key.id, 10.0, 1, 60), PastUse(key.id, DAY - 5, 3, 40), PastUse("gone", 1.0, 1, 1)]
    gate = clock.gate(path, past=past)
    with pytest.raises(BudgetExceededError) as caught:
        gate.enter(key)
    assert caught.value.retry_after_seconds == 5
    clock.now += 5
    gate.enter(key)


def test_models_of_a_key(path):
    key, _ = KeyFile(path).create("ada", models=("nano",))
    require_model(key, "nano")
    with pytest.raises(RefusedError, match="may not use the model 'big'"):
        require_model(key, "big")


def test_the_eleventh_failure_in_a_minute_is_answered_late():
    failures = FailureLog()
    assert [failures.delay_after_failure("10.0.0.1", float(second)) for second in range(10)] == [0.0] * 10
    assert failures.delay_after_failure("10.0.0.1", 10.0) > 0
    assert failures.delay_after_failure("10.0.0.2", 10.0) == 0.0
    assert failures.delay_after_failure("10.0.0.1", 71.0) == 0.0


def test_failures_of_many_addresses_take_no_more_room():
    failures = FailureLog()
    for number in range(3 * MAX_ADDRESSES):
        failures.delay_after_failure(str(number), 0.0)
    assert len(failures._windows) == MAX_ADDRESSES

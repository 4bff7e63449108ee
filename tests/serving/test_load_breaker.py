import pytest

from labkit.errors import ModelLoadError
from labkit.serving.load_breaker import LoadBreaker, identity_of

FILE, OTHER = (1, 2, 3, 4), (1, 2, 3, 5)
ERROR = ModelLoadError("no")


@pytest.fixture
def breaker():
    return LoadBreaker()


def test_nothing_speaks_against_a_first_load(breaker):
    assert breaker.objection(FILE, 0.0) is None


def test_each_failure_doubles_the_rest_up_to_a_minute(breaker):
    rests = []
    for _ in range(9):
        breaker.failed(FILE, ERROR, 100.0, crashed=False)
        rests.append(breaker.objection(FILE, 100.0).retry_after_seconds)
        assert breaker.objection(FILE, 100.0 + rests[-1]) is None
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_file_that_crashed_its_worker_twice_is_left_alone_until_it_is_another(breaker):
    breaker.failed(FILE, ERROR, 0.0, crashed=True)
    assert breaker.objection(FILE, 10.0) is None
    breaker.failed(FILE, ERROR, 10.0, crashed=True)
    objection = breaker.objection(FILE, 1e9)
    assert (objection.error, objection.retry_after_seconds) == (ERROR, None)
    assert breaker.objection(OTHER, 10.0) is None
    breaker.failed(OTHER, ERROR, 20.0, crashed=True)
    assert breaker.objection(OTHER, 30.0) is None


def test_a_load_that_succeeds_forgets_what_was(breaker):
    breaker.failed(FILE, ERROR, 0.0, crashed=True)
    breaker.forget()
    breaker.failed(FILE, ERROR, 0.0, crashed=True)
    assert breaker.objection(FILE, 1.0) is None


def test_a_file_that_is_written_again_is_another(tmp_path):
    path = tmp_path / "model.gguf"
    assert identity_of(path) is None
    path.write_text("one")
    before = identity_of(path)
    assert identity_of(path) == before
    path.write_text("two!")
    assert identity_of(path) != before

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.random_writer import write
from labkit.engine.native.grammar import GrammarCompiler
from labkit.engine.native.grammar import compiler as compiler_module
from labkit.engine.native.grammar.cache import MAX_BYTES, CompiledCache
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError, QueueFullError

DIGIT = Constraint("regex", "[0-9]")


@pytest.fixture
def written(monkeypatch):
    """Constraints as they are written out for llguidance; waits where `may_go_on` is not set."""
    found = Written()
    write_grammar = compiler_module.write_grammar

    def write_out(constraint):
        found.constraints.append(constraint)
        found.has_begun.set()
        found.may_go_on.wait()
        return write_grammar(constraint)

    monkeypatch.setattr(compiler_module, "write_grammar", write_out)
    yield found
    found.may_go_on.set()


class Written:
    def __init__(self):
        self.constraints = []
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()


def test_a_constraint_is_compiled_once_and_each_mask_goes_its_own_way(compiler, model, written):
    texts = {write(compiler.compile(Constraint("regex", "[a-z]{1,9}")), model, seed=seed) for seed in range(6)}
    assert len(texts) > 2
    assert len(written.constraints) == 1


def test_of_many_that_ask_at_once_one_compiles(compiler, written):
    written.may_go_on.clear()
    with ThreadPoolExecutor(8) as pool:
        masks = [pool.submit(compiler.compile, DIGIT) for _ in range(8)]
        written.has_begun.wait()
        written.may_go_on.set()
    assert all(mask.result().forced_tokens() == () for mask in masks)
    assert len(written.constraints) == 1


def test_a_refusal_is_remembered_and_names_the_field_of_the_one_who_asks(compiler, written):
    for param in ("response_format", "tools"):
        with pytest.raises(InvalidRequestError) as refusal:
            compiler.compile(Constraint("regex", "(", param))
        assert refusal.value.param == param
    assert len(written.constraints) == 1


def test_what_takes_too_long_is_refused_and_the_next_one_who_asks_may_find_it_done(compiler, written, monkeypatch):
    written.may_go_on.clear()
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 0.01)
    with pytest.raises(InvalidRequestError, match="not compiled after") as refusal:
        compiler.compile(DIGIT)
    assert refusal.value.code == "constraint_too_complex"
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 60.0)
    written.may_go_on.set()
    assert compiler.compile(DIGIT).forced_tokens() == ()
    assert len(written.constraints) == 1


def test_while_every_compiler_is_busy_new_constraints_wait_their_turn_outside(compiler, written, monkeypatch):
    written.may_go_on.clear()
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 0.01)
    for pattern in ("a", "b"):
        with pytest.raises(InvalidRequestError):
            compiler.compile(Constraint("regex", pattern))
    with pytest.raises(QueueFullError) as full:
        compiler.compile(DIGIT)
    assert full.value.retry_after_seconds == 1
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 60.0)
    written.may_go_on.set()
    assert compiler.compile(DIGIT).forced_tokens() == ()


def test_closing_waits_for_what_still_reads_the_vocabulary(model, written, monkeypatch):
    compiler = GrammarCompiler(model)
    written.may_go_on.clear()
    monkeypatch.setattr(compiler_module, "COMPILE_SECONDS", 0.01)
    with pytest.raises(InvalidRequestError):
        compiler.compile(DIGIT)
    closing = threading.Thread(target=compiler.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    written.may_go_on.set()
    closing.join()


def test_the_least_recently_used_go_when_the_budget_is_spent():
    cache = CompiledCache(max_bytes=1_000_000)
    constraints = [Constraint("regex", letter * 500) for letter in "abc"]
    futures = [cache.get(constraint)[0] for constraint in constraints]
    assert cache.get(constraints[0]) == (futures[0], False)
    cache.get(Constraint("regex", "d" * 500))
    assert cache.get(constraints[0])[1] is False
    assert cache.get(constraints[1])[1] is True
    cache.forget(constraints[1])
    cache.forget(constraints[1])
    assert cache.get(constraints[1])[1] is True
    assert MAX_BYTES > 1_000_000


def test_one_larger_than_the_budget_is_kept_alone():
    cache = CompiledCache(max_bytes=1)
    cache.get(DIGIT)
    assert cache.get(DIGIT)[1] is False

"""What kills, hangs or fools the whole process in llama.cpp's API, and our own error that comes before it.

One row for each misuse that was measured on llama-cpp-python 0.3.36; after each one the process lives on.
"""

import multiprocessing
import os
import threading

import llama_cpp
import numpy as np
import pytest

from fakes.embedding_models import write_tiny_bert
from labkit.engine.native import library
from labkit.engine.native.backend import NativeBackend
from labkit.engine.native.chain import NativeChain
from labkit.engine.native.context import NativeContext
from labkit.engine.native.grammar import GrammarCompiler
from labkit.engine.native.library import set_params
from labkit.engine.native.model import NativeModel
from labkit.engine.native.sampler import SamplerFactory
from labkit.engine.types import Constraint, EngineConfig, GenerationRequest, SamplingParams
from labkit.errors import InvalidRequestError, LabkitError, ModelLoadError, NativeError
from labkit.resources import embedded_model

GREEDY = SamplingParams(temperature=0)


@pytest.fixture
def model():
    model = NativeModel(embedded_model())
    yield model
    model.close()


@pytest.fixture
def context(model):
    context = NativeContext(model, context_tokens=256, num_slots=2, batch_tokens=64, num_threads=1, max_logits=4)
    yield context
    context.close()


def sampler(context, params=GREEDY):
    return SamplerFactory(context._model, 256).make(params)


# Each takes a fresh context and commits one misuse: (what the process would do, the misuse).
MISUSES = {
    "batch longer than n_batch": ("SIGABRT", lambda c: c.forward_tokens([1] * 65, 0)),
    "empty batch": ("error", lambda c: (c.batch.clear(), c.forward())),
    "more logits than n_outputs_max": (
        "SIGABRT",
        lambda c: c.batch.add([1] * 5, 0, 0, wants_logits=True, num_logits=5),
    ),
    "sampling before any forward": ("SIGABRT", lambda c: sampler(c).sample(c, 0)),
    "sampling where no logits are": (
        "SIGABRT",
        lambda c: (c.forward_tokens([1, 2], 0), sampler(c).sample(c, 0)),
    ),
    "sampling from a bad index": ("SIGABRT", lambda c: (c.forward_tokens([1], 0), sampler(c).sample(c, 10**6))),
    "sampling from a negative index": ("wrong", lambda c: (c.forward_tokens([1], 0), sampler(c).sample(c, -1))),
    "a NULL sampler in a chain": ("SIGSEGV", lambda c: NativeChain([None])),
    "a chain after it was freed": (
        "SIGSEGV",
        lambda c: (c.forward_tokens([1], 0), (s := sampler(c)).close(), s.sample(c, 0)),
    ),
    "token id above the vocabulary": ("error", lambda c: c.forward_tokens([c._model.vocab_size], 0)),
    "token id above 32 bits": ("error", lambda c: c.forward_tokens([2**40, 1], 0)),
    "negative token id": ("error", lambda c: c.forward_tokens([-1], 0)),
    "a hole in the positions": ("error", lambda c: c.forward_tokens([1], 3)),
    "positions that go back": ("error", lambda c: (c.forward_tokens([1, 2], 0), c.forward_tokens([1], 0))),
    "negative position": ("error", lambda c: c.forward_tokens([1], -1)),
    "slot above n_seq_max": ("error", lambda c: c.forward_tokens([1], 0, slot=2)),
    "negative slot": ("error", lambda c: c.forward_tokens([1], 0, slot=-1)),
    "freeing a slot that is none": ("SIGABRT", lambda c: c.free_cells(300)),
    "copying to a slot that is none": ("SIGABRT", lambda c: (c.forward_tokens([1], 0), c.copy_cells(0, 300, 1))),
    "copying over cells": (
        "wrong",
        lambda c: (c.forward_tokens([1], 0), c.forward_tokens([1], 0, slot=1), c.copy_cells(0, 1, 1)),
    ),
    "saving a slot that is none": ("SIGABRT", lambda c: c.save_cells(-2)),
    "loading into cells": ("wrong", lambda c: (c.forward_tokens([1], 0), c.load_cells(0, c.save_cells(0)))),
    "a context after it was freed": ("SIGSEGV", lambda c: (c.close(), c.forward_tokens([1], 0))),
    "freeing cells of a freed context": ("SIGSEGV", lambda c: (c.close(), c.free_cells(0))),
    "a model freed before its context": ("SIGSEGV", lambda c: c._model.close()),
    "text of a token that is none": ("SIGABRT", lambda c: c._model.piece(c._model.vocab_size)),
    "kind of a token that is none": ("SIGABRT", lambda c: c._model.is_marker(-1)),
    "end check of a token that is none": ("SIGABRT", lambda c: c._model.is_end(-5)),
    "penalty window of 2**31": ("30 s", lambda c: sampler(c, SamplingParams(penalty_window=2**31))),
    "temperature that is no number": ("SIGABRT", lambda c: sampler(c, SamplingParams(temperature=float("nan")))),
    "bias for a token that is none": ("wrong", lambda c: sampler(c, SamplingParams(logit_bias=((2**31, 1.0),)))),
    "10 MB of text": ("4 s", lambda c: c._model.tokenize("a" * 10_000_000)),
    "KV type that is none": ("SIGABRT", lambda c: NativeContext(c._model, context_tokens=256, type_k=999)),
    "unknown field of a parameter struct": (
        "accepted",
        lambda c: set_params(llama_cpp.llama_model_default_params(), use_mmap=False),
    ),
    "number that a field would cut off": (
        "wrong",
        lambda c: set_params(llama_cpp.llama_context_default_params(), n_ctx=2**32 + 8),
    ),
    "n_ctx of 2**31": ("31 s", lambda c: NativeContext(c._model, context_tokens=2**31)),
    "n_ctx of nothing": ("wrong", lambda c: NativeContext(c._model, context_tokens=0)),
}


@pytest.mark.parametrize("row", MISUSES)
def test_a_misuse_is_our_own_error_and_the_context_lives(context, model, row):
    _, misuse = MISUSES[row]
    with pytest.raises((LabkitError, TypeError)):
        misuse(context)
    if context._pointer is not None:
        context.clear()
        context.forward_tokens([1, 2], 0)
        assert np.isfinite(context.logits(1)).all()


GRAMMARS = {
    "a broken grammar, which is a NULL sampler": "root ::= (",
    "60,000 nested parentheses": "root ::= " + "(" * 60_000 + '"a"' + ")" * 60_000,
    "100,000 chained rules": "root ::= r0\n"
    + "".join(f"r{n} ::= r{n + 1}\n" for n in range(100_000))
    + 'r100000 ::= "a"',
}


@pytest.mark.parametrize("row", GRAMMARS)
def test_no_grammar_reaches_llama_cpp(model, row):
    compiler = GrammarCompiler(model)
    with pytest.raises(InvalidRequestError):
        compiler.compile(Constraint("gbnf", GRAMMARS[row]))
    compiler.close()


def test_a_token_that_does_not_fit_a_grammar(backend):
    backend.prepare()
    constraint = Constraint("choice", '["yes", "no"]')
    backend.open(GenerationRequest("a", (1,), constraint=constraint))
    mask = backend._open["a"].mask
    for token in (-1, 10**6, 5):
        with pytest.raises(NativeError):
            mask.accept(token)
    backend.close("a")


def test_threads_are_clamped_where_llama_cpp_ends_the_process(model):
    context = NativeContext(model, context_tokens=256, num_threads=10_000)
    assert context.num_threads == 512
    context.set_threads(-3)
    assert context.num_threads == 1
    context.forward_tokens([1], 0)
    context.close()


def test_a_second_thread_is_refused_and_a_handover_is_not(context):
    context.forward_tokens([1], 0)
    errors = []

    def use(claim):
        try:
            if claim:
                context.claim()
            context.forward_tokens([1], 1)
        except NativeError as error:
            errors.append(error)

    for claim in (False, True):
        thread = threading.Thread(target=use, args=(claim,))
        thread.start()
        thread.join()
    assert len(errors) == 1
    assert "belongs to the thread" in str(errors[0])
    with pytest.raises(NativeError, match="another one"):
        context.forward_tokens([1], 2)
    context.claim()


def test_a_context_in_the_middle_of_a_forward_is_neither_freed_nor_taken(context, monkeypatch):
    decode, errors = llama_cpp.llama_decode, []

    def decode_and_misuse(*arguments):
        for misuse in (context.close, context.claim):
            with pytest.raises(NativeError) as caught:
                misuse()
            errors.append(caught.value)
        return decode(*arguments)

    monkeypatch.setattr(llama_cpp, "llama_decode", decode_and_misuse)
    context.forward_tokens([1], 0)
    assert len(errors) == 2


def test_freed_twice_is_harmless(model):
    context = NativeContext(model, context_tokens=256)
    for _ in range(2):
        context.close()
    for _ in range(2):
        model.close()
    with pytest.raises(ModelLoadError, match="closed"):
        NativeContext(model, context_tokens=256)


@pytest.mark.parametrize("kind", ["fifo", "folder", "absent", "garbage"])
def test_only_a_regular_file_is_opened(tmp_path, kind):
    path = tmp_path / "model.gguf"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "garbage":
        path.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ModelLoadError):
        NativeModel(path)


def test_an_encoder_does_not_generate(tmp_path):
    path = tmp_path / "bert.gguf"
    write_tiny_bert(path)
    with pytest.raises(ModelLoadError, match="does not generate"):
        NativeBackend(path, EngineConfig(context_tokens=256, num_slots=1, num_threads=1))


def test_prompts_are_checked_before_anything_is_kept(backend):
    for prompt in ((-1,), (10**9,), (5, 2**33)):
        with pytest.raises(InvalidRequestError) as caught:
            backend.open(GenerationRequest("a", prompt))
        assert caught.value.param == "prompt"
    assert "a" not in backend._open


def test_callbacks_are_kept_for_as_long_as_native_code_may_call_them(context):
    import gc

    gc.collect()
    assert library._log is not None
    context.interrupt()
    context.forward_tokens([1], 0)  # the flag and its callback are alive, and cleared at the start


def _decode_in_child(context, answers):
    try:
        context.forward_tokens([1], 0)
        answers.put("decoded")
    except NativeError as error:
        answers.put(str(error))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_after_a_fork_the_child_is_told_and_does_not_hang(context):
    forking = multiprocessing.get_context("fork")
    answers = forking.Queue()
    child = forking.Process(target=_decode_in_child, args=(context, answers))
    child.start()
    assert "forked" in answers.get(timeout=15)
    child.join(15)
    assert child.exitcode == 0

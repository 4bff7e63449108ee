import threading

import numpy as np
import pytest

from fakes.random_writer import write
from labkit.engine.native.grammar import mask as mask_module
from labkit.engine.native.grammar.mask import MAX_FORCED, TokenMask
from labkit.engine.types import Constraint
from labkit.errors import InvalidRequestError, NativeError

AB = Constraint("regex", "[ab]+!")


def allowed(mask, model):
    logits = np.zeros(model.vocab_size, dtype=np.float32)
    mask.apply(logits)
    return {int(token) for token in np.flatnonzero(np.isfinite(logits))}


def ends(model):
    return {token for token in range(model.vocab_size) if model.is_end(token)}


def test_what_is_allowed_keeps_its_logit_and_the_rest_loses_it(compiler, model):
    mask = compiler.compile(AB)
    logits = np.arange(model.vocab_size, dtype=np.float32) - 700
    before = logits.copy()
    mask.apply(logits)
    fits = [token for token in range(model.vocab_size) if model.piece(token) and set(model.piece(token)) <= set(b"ab!")]
    fits = [token for token in fits if model.piece(token)[0] in b"ab" and b"!" not in model.piece(token)[:-1]]
    assert sorted(np.flatnonzero(np.isfinite(logits))) == fits
    assert np.array_equal(logits[fits], before[fits])


@pytest.mark.parametrize("prepare", [False, True])
def test_a_mask_belongs_to_the_state_after_the_last_token(compiler, model, prepare):
    mask = compiler.compile(Constraint("regex", "x[01][ab]"))
    for text, follow in (("x", "01"), ("0", "ab"), ("a", "")):
        mask.accept(model.tokenize(text)[0])
        if prepare:
            mask.prepare()
        assert allowed(mask, model) == ({model.tokenize(letter)[0] for letter in follow} or ends(model))


def test_an_ended_language_allows_end_tokens_alone_and_takes_them_again_and_again(compiler, model):
    mask = compiler.compile(Constraint("choice", '["a"]'))
    mask.accept(model.tokenize("a")[0])
    for _ in range(3):
        assert allowed(mask, model) == ends(model)
        assert mask.forced_tokens() == ()
        mask.prepare()
        mask.accept(min(ends(model)))


def test_the_end_is_allowed_where_the_language_may_end(compiler, model):
    mask = compiler.compile(Constraint("regex", "a*"))
    assert ends(model) < allowed(mask, model)
    mask.accept(min(ends(model)))
    assert allowed(mask, model) == ends(model)


@pytest.mark.parametrize("wrong", [0, 2, None])
def test_drafts_are_masked_ahead_and_a_refused_one_changes_nothing(compiler, model, wrong):
    constraint = Constraint("lark", 'start: "one" /[0-9]{2}/ "two"')
    step = compiler.compile(constraint)
    draft = [*model.tokenize("one"), *model.tokenize("4"), *model.tokenize("2"), *model.tokenize("two")]
    expected = []
    for token in draft:
        expected.append(allowed(step, model))
        step.accept(token)
    proposed = list(draft)
    if wrong is not None:
        proposed[wrong] = model.tokenize("?")[0]
    ahead = compiler.compile(constraint)
    ahead.prepare((*proposed, 10**9, -1))
    for token, fits in zip(draft, expected, strict=True):
        assert allowed(ahead, model) == fits
        ahead.accept(token)
    assert allowed(ahead, model) == ends(model)


def test_drafting_what_is_forced_and_writing_token_by_token_give_one_text(compiler, model):
    constraint = Constraint("json_schema", '{"properties": {"first": {"enum": ["x", "y"]}}, "required": ["first"]}')
    masks = [compiler.compile(constraint), compiler.compile(constraint)]
    logits = np.linspace(0, 1, model.vocab_size, dtype=np.float32)
    texts = []
    for mask, draft in zip(masks, (True, False), strict=True):
        tokens = []
        while not tokens or not model.is_end(tokens[-1]):
            proposed = mask.forced_tokens() if draft else ()
            mask.prepare(proposed)
            for guess in (*proposed, None):
                row = logits.copy()
                mask.apply(row)
                tokens.append(int(row.argmax()))
                mask.accept(tokens[-1])
                if tokens[-1] != guess or model.is_end(tokens[-1]) or len(tokens) > 80:
                    break
            if len(tokens) > 80:
                break
        texts.append(tokens)
    assert texts[0] == texts[1]


def test_asking_for_forced_tokens_changes_nothing_and_they_are_bounded(compiler, model):
    mask = compiler.compile(Constraint("regex", "a{5000}b"))
    forced = mask.forced_tokens()
    assert len(forced) == MAX_FORCED
    assert mask.forced_tokens() == forced
    for token in forced:
        assert token in allowed(mask, model)
        mask.accept(token)
    free = compiler.compile(AB)
    assert free.forced_tokens() == ()


@pytest.mark.parametrize("token", [-1, 10**9, None])
def test_a_foreign_token_is_an_error_of_the_core(compiler, model, token):
    mask = compiler.compile(AB)
    with pytest.raises(NativeError):
        mask.accept(model.tokenize("?")[0] if token is None else token)


def test_a_language_that_outgrows_the_limits_fails_its_request_alone(compiler, model):
    hostile = compiler.compile(Constraint("lark", 'start: /[xy]/ A\nA: B{1000}\nB: C{1000}\nC: "a"'))
    other = compiler.compile(AB)
    with pytest.raises(InvalidRequestError) as refusal:
        write(hostile, model)
    assert (refusal.value.code, refusal.value.param) == ("constraint_too_complex", "response_format")
    assert write(other, model, most=10**4)


def test_a_mask_that_takes_too_long_fails_its_request(compiler, model, monkeypatch):
    monkeypatch.setattr(mask_module, "MASK_SECONDS", 0.01)
    may_go_on = threading.Event()
    mask = compiler.compile(AB)
    compute = TokenMask._compute
    monkeypatch.setattr(TokenMask, "_compute", lambda self, draft: (may_go_on.wait(), compute(self, draft))[1])
    mask.prepare()
    with pytest.raises(InvalidRequestError, match="not ready"):
        mask.apply(np.zeros(model.vocab_size, dtype=np.float32))
    may_go_on.set()

import pytest

from labkit.engine.core.plan import Span
from labkit.engine.core.sequence import Sequence
from labkit.engine.sampling import sample_span
from labkit.engine.types import GenerationRequest, TokenLogprob


class Model:
    """Says the given tokens, whatever it is asked; 99 ends."""

    sequence_tokens = 100

    def __init__(self, *tokens):
        self.tokens = list(tokens)
        self.rows = []

    def sample(self, request_id, row):
        self.rows.append(row)
        token = self.tokens[len(self.rows) - 1]
        return token, TokenLogprob(token, -0.1) if request_id == "logprobs" else None

    def is_end(self, token):
        return token == 99


def span(*draft, name="a", generated=0, **fields):
    sequence = Sequence(GenerationRequest(name, (1, 2), **fields), arrived=0.0)
    sequence.tokens += range(generated)
    return Span(sequence, 1, 1, wants_logits=True, draft=draft)


@pytest.mark.parametrize(
    ("draft", "said", "sampled"),
    [
        ((), [5], [5]),
        ((5,), [5, 6], [5, 6]),
        ((5, 6, 7), [5, 6, 7, 8], [5, 6, 7, 8]),
        ((5, 6, 7), [5, 9, 0], [5, 9]),
        ((5, 6), [4], [4]),
        ((5, 99, 7), [5, 99, 7, 8], [5, 99]),
    ],
)
def test_tokens_are_sampled_for_as_long_as_the_draft_was_right(draft, said, sampled):
    model = Model(*said)
    assert sample_span(model, span(*draft), 10).tokens == sampled
    assert model.rows == list(range(10, 10 + len(sampled)))


@pytest.mark.parametrize(("most", "generated", "count"), [(1, 0, 1), (2, 0, 2), (5, 3, 2), (9, 0, 4)])
def test_no_more_than_the_request_wants(most, generated, count):
    model = Model(5, 6, 7, 8)
    sampled = sample_span(model, span(5, 6, 7, max_tokens=most, generated=generated), 0)
    assert len(sampled.tokens) == len(model.rows) == count


def test_an_end_token_may_be_ignored():
    assert sample_span(Model(99, 5), span(99, ignore_eos=True), 0).tokens == [99, 5]


def test_log_probabilities_come_with_each_token():
    sampled = sample_span(Model(5, 6), span(5, name="logprobs"), 0)
    assert [each.token for each in sampled.logprobs] == [5, 6]
    assert sample_span(Model(5, 6), span(5), 0).logprobs == []

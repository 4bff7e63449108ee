import pytest

from labkit.engine.native.model import NativeModel
from labkit.errors import InvalidRequestError
from labkit.resources import embedded_model
from labkit.worker import completions as module
from labkit.worker.completions import completion_requests
from labkit.worker.messages import Complete


@pytest.fixture(scope="module")
def model():
    model = NativeModel(embedded_model())
    yield model
    model.close()


def asked(model, prompt, **fields):
    return completion_requests(model, Complete(request_id="r", prompt=prompt, **fields), context_tokens=1024)


def test_a_text_is_read_with_its_markers(model):
    (request,) = asked(model, "<|im_start|>user\nHi", stop=("x",))
    assert request.prompt == tuple(model.tokenize("<|im_start|>user\nHi"))
    assert request.prompt[0] == model.tokenize("<|im_start|>")[0]
    assert (request.stop, request.prompt_logprobs, request.show_control) == (("x",), None, False)


def test_token_ids_are_taken_as_they_are(model):
    assert asked(model, (5, 0, 5))[0].prompt == (5, 0, 5)


def test_a_prompt_that_nothing_is_to_follow_may_fill_the_context(model):
    assert len(asked(model, (5,) * 1024, max_tokens=0)[0].prompt) == 1024


@pytest.mark.parametrize(
    ("echo", "logprobs", "scores"), [(True, 2, 2), (True, 0, 0), (True, None, None), (False, 2, None)]
)
def test_an_echo_with_log_probabilities_scores_the_prompt(model, echo, logprobs, scores):
    requests = asked(model, "Hi", echo=echo, logprobs=logprobs, num_choices=2)
    assert [(each.logprobs, each.prompt_logprobs) for each in requests] == [(logprobs, scores)] * 2


@pytest.mark.parametrize(
    ("prompt", "fields", "param", "message"),
    [
        ("", {}, "prompt", "is empty"),
        ((), {}, "prompt", "is empty"),
        ((1, 2, 1536, -1), {}, "prompt", "token id 1536 .number 2 of 4"),
        ("a", {"suffix": "b"}, "suffix", "no tokens for filling in"),
        ((1,), {"suffix": "b"}, "suffix", "goes with a prompt of text"),
        ("x" * (1 << 21), {}, "prompt", "the limit is"),
        ((5,) * 1024, {}, "prompt", "has 1024 tokens"),
        ((5,) * 1025, {"max_tokens": 0}, "prompt", "has 1025 tokens.*1024"),
    ],
)
def test_what_cannot_be_completed_is_refused_by_its_field(model, prompt, fields, param, message):
    with pytest.raises(InvalidRequestError, match=message) as caught:
        asked(model, prompt, **fields)
    assert caught.value.param == param


def test_more_log_probabilities_than_a_message_holds_are_refused_before_they_are_computed(model, monkeypatch):
    monkeypatch.setattr(module, "MAX_FRAME_BYTES", 64 * 100)
    assert asked(model, (5,) * 20, echo=True, logprobs=4)
    with pytest.raises(InvalidRequestError, match="105 log-probabilities of the prompt are more than 100") as caught:
        asked(model, (5,) * 21, echo=True, logprobs=4)
    assert caught.value.param == "logprobs"
    with pytest.raises(InvalidRequestError):
        asked(model, (5,) * 11, echo=True, logprobs=4, num_choices=2)

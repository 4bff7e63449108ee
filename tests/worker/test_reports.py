import pytest

from labkit.engine.native.model import NativeModel
from labkit.engine.types import Company, Constraint, GenerationRequest, SamplingParams, TokenEvent
from labkit.resources import embedded_model
from labkit.worker.messages import Complete, Generate, Report
from labkit.worker.reports import Account, message_tokens

USER = {"role": "user", "content": "How are you?"}
PROMPT = "<|im_start|>user\nHow are you?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def model():
    model = NativeModel(embedded_model())
    yield model
    model.close()


def pieces(*texts):
    return [text.encode() for text in texts]


def test_tokens_go_to_the_message_whose_text_they_begin_in():
    prompt = pieces("<s>", "sys", ":", "Be", " good", "</s>", "Hello", " you", "!", "</s>")
    messages = ({"role": "system", "content": "Be good"}, {"role": "user", "content": "Hello you!\n"})
    assert message_tokens(prompt, messages) == (("system", 2), ("user", 3), ("template", 5))


def test_the_same_text_twice_is_found_twice_and_in_order():
    prompt = pieces("<a>", "Hi", "<b>", "Hi", "<c>")
    messages = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"})
    assert message_tokens(prompt, messages) == (("user", 1), ("assistant", 1), ("template", 3))


@pytest.mark.parametrize("content", [None, "", "  ", "another text"])
def test_what_is_not_in_the_prompt_counts_nothing(content):
    messages = ({"role": "tool", "content": content}, {"role": "user", "content": "Hi"})
    assert message_tokens(pieces("<a>", "Hi"), messages) == (("tool", 0), ("user", 1), ("template", 1))


def test_without_messages_all_is_the_templates():
    assert message_tokens(pieces("a", "b"), ()) == (("template", 2),)


def test_characters_of_several_tokens_are_counted_by_their_bytes():
    text = "é日"
    prompt = [b"<", *(bytes([byte]) for byte in text.encode()), b">"]
    assert message_tokens(prompt, ({"role": "user", "content": text},)) == (("user", 5), ("template", 2))


def account(model, **fields):
    request = GenerationRequest(
        "r", tuple(model.tokenize(PROMPT)), SamplingParams(seed=1), constraint=Constraint("regex", "a")
    )
    return Account(model, Generate(request_id="r", messages=(USER,), **fields), request, chat_format="nano")


def test_a_report_says_what_was_used_and_what_happened(model):
    last = TokenEvent(
        "r", finish_reason="stop", stop_cause="stop_text", stop_text="x",
        company=Company(("b#0", "r#1", "b#1", "c"), 3, 2.5, 9, 1),
    )  # fmt: skip
    report = account(model).report(last, 0.25)
    assert report == Report(
        stop_cause="stop_text", stop_text="x", sampling=SamplingParams(seed=1),
        message_tokens=(("user", len(model.tokenize("How are you?"))), ("template", report.message_tokens[1][1])),
        companions=("b", "c"), most_companions=3, mean_batch=2.5, num_forwards=9, num_preemptions=1, constraint="regex",
        constraint_seconds=0.25, chat_format="nano",
    )  # fmt: skip
    assert sum(count for _, count in report.message_tokens) == len(model.tokenize(PROMPT))


def test_the_prompt_is_told_where_it_was_asked_for_only(model):
    last = TokenEvent("r", finish_reason="stop")
    assert account(model).report(last).prompt is None
    assert account(model, tell_prompt=True).report(last).prompt == PROMPT


def test_a_raw_prompt_has_no_messages(model):
    message = Complete(request_id="r", prompt="Hi", tell_prompt=True)
    report = Account(model, message, GenerationRequest("r", tuple(model.tokenize("Hi")))).report(TokenEvent("r"))
    assert (report.message_tokens, report.prompt, report.constraint) == ((("template", 2),), "Hi", "")

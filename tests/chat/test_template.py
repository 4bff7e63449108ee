from pathlib import Path

import pytest

import labkit.embedded
from labkit.chat import ChatTemplate
from labkit.errors import InvalidModelFileError, InvalidRequestError

NANO = (Path(labkit.embedded.__file__).parent / "chat_template.jinja").read_text(encoding="utf-8")


def test_a_conversation_of_the_embedded_model():
    text = ChatTemplate(NANO).render(({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}))
    assert text == ("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")


def test_tool_call_arguments_may_be_text_as_clients_send_them():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"city": "Zürich <b>"}'}}
    text = ChatTemplate(NANO).render(
        (
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "7"},
        )
    )
    assert '<tool_call>{"name": "f", "arguments": {"city": "Zürich <b>"}}</tool_call><|im_end|>' in text


def test_a_template_that_does_not_compile_is_a_bad_model_file():
    with pytest.raises(InvalidModelFileError, match="does not compile"):
        ChatTemplate("{% if %}")


def test_a_template_may_refuse_a_conversation():
    template = ChatTemplate("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(InvalidRequestError, match="roles must alternate"):
        template.render(({"role": "user", "content": "x"},))


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception.__globals__ }}",
        "{{ ''|attr('__class__')|attr('__mro__') }}",
        "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    ],
)
def test_the_sandbox_holds(attack):
    try:
        text = ChatTemplate(attack).render(({"role": "user", "content": "x"},))
    except InvalidRequestError:
        return
    assert "class" not in text
    assert "module" not in text


def test_tokens_and_the_generation_prompt_reach_the_template():
    template = ChatTemplate("{{ bos_token }}|{{ eos_token }}|{{ add_generation_prompt }}", bos="<s>", eos="</s>")
    assert template.render(({"role": "user", "content": "x"},)) == "<s>|</s>|True"

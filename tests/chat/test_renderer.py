"""Templates in a process with limits: what is harmless is rendered as ever, what is not is stopped in words."""

import pytest

from fakes.gguf_mutants.templates import CANARY, HARMLESS, STOPPED
from labkit.chat import TEMPLATE_LIMIT, ChatTemplate, TemplateRenderer
from labkit.errors import InvalidModelFileError, InvalidRequestError, LabkitError

MESSAGES = ({"role": "user", "content": "Hi"},)
SOME = ("nested loops", "integer power", "doubling text", "list times a number", "huge centre", "format method")


@pytest.fixture
def renderer():
    renderer = TemplateRenderer()
    yield renderer
    renderer.close()


def compile_and_render(renderer, source):
    renderer.compile(source)
    return renderer.render(MESSAGES)


def test_it_renders_as_a_chat_template_does(renderer):
    source = "{{ bos_token }}{{ messages[0].content }}{{ tools[0].function.name }}{{ add_generation_prompt }}"
    tools = ({"type": "function", "function": {"name": "f"}},)
    renderer.compile(source, bos="<s>")
    assert renderer.render(MESSAGES, tools) == ChatTemplate(source, bos="<s>").render(MESSAGES, tools) == "<s>HifTrue"
    assert renderer.source == source


@pytest.mark.parametrize("name", SOME)
def test_what_does_not_end_or_takes_all_memory_is_stopped(renderer, name):
    with pytest.raises((InvalidModelFileError, InvalidRequestError), match=r"did not end within 2 s|of memory"):
        compile_and_render(renderer, STOPPED[name])


def test_it_renders_again_after_it_was_stopped(renderer):
    renderer.compile("{% if messages[0].content == 'grow' %}{{ 'a' * 9999999999 }}{% endif %}fine")
    with pytest.raises(InvalidRequestError) as caught:
        renderer.render(({"role": "user", "content": "grow"},))
    assert caught.value.code == TEMPLATE_LIMIT
    assert renderer.render(MESSAGES) == "fine"


def test_tricks_on_the_sandbox_raise_our_errors_or_give_nothing():
    for name, source in HARMLESS.items():
        text = source if isinstance(source, str) else source.decode(errors="replace")
        try:
            prompt = ChatTemplate(text).render(MESSAGES)
        except LabkitError:
            continue
        assert CANARY not in prompt, name
        assert "<class" not in prompt, name


def test_a_template_that_does_not_compile_says_so(renderer):
    with pytest.raises(InvalidModelFileError, match="does not compile"):
        renderer.compile("{% if %}")

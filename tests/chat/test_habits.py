# ruff: noqa: E501 - templates in one line
"""Templates with one habit each, in as many words as it takes to have it; and conversations mended for them."""

import json

import pytest

from labkit.chat import ChatTemplate
from labkit.errors import InvalidRequestError

TOOL = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}
USER = {"role": "user", "content": "Hi"}
TALK = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.id }}{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}"
TOOLS = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}"


def call(number, arguments='{"a": 1}'):
    return {"id": f"call_{number}", "type": "function", "function": {"name": f"f{number}", "arguments": arguments}}


def habits(source):
    return ChatTemplate(source).habits


def test_a_usual_template_is_left_alone():
    template = ChatTemplate(TOOLS + TALK)
    assert template.habits == type(template.habits)(takes_developer=True)
    assert template.render([{"role": "system", "content": "S"}, USER], [TOOL]) == "f[system]S[user]Hi"
    assert "strict" not in ChatTemplate("{{ tools | tojson }}{{ messages[0].content }}").render([USER], [TOOL])


def test_a_system_message_goes_before_the_users_words_where_it_is_refused():
    source = "{% if messages[0].role != 'user' %}{{ raise_exception('no system') }}{% endif %}" + TALK
    assert not habits(source).takes_system
    text = ChatTemplate(source).render([{"role": "developer", "content": "S"}, USER])
    assert text == "[user]S\n\nHi"


def test_a_developer_is_a_system_where_the_role_is_unknown():
    source = "{% for m in messages %}{% if m.role in ['system', 'user'] %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}"
    assert ChatTemplate(source).render([{"role": "developer", "content": "S"}, USER]) == "[system]S[user]Hi"


def test_tools_and_calls_that_a_template_leaves_out_become_text():
    template = ChatTemplate("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}")
    assert not (template.habits.shows_tools)
    assert not (template.habits.shows_calls)
    text = template.render([USER, {"role": "assistant", "content": None, "tool_calls": [call(1)]}], [TOOL])
    assert '{"name": "f", "parameters": {"type": "object"}}' in text
    assert '<tool_call>\n{"name": "f1", "arguments": {"a": 1}}\n</tool_call>' in text


def test_calls_at_once_become_calls_in_a_row_where_only_one_is_written():
    source = (
        TOOLS
        + "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.tool_calls %}{{ m.tool_calls[0].function | tojson }}{% endif %}{% endfor %}"
    )
    template = ChatTemplate(source)
    assert not template.habits.shows_every_call
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": f"r{n}"} for n in (2, 1)]
    text = template.render([USER, {"role": "assistant", "content": "c", "tool_calls": [call(1), call(2)]}, *results])
    assert text.index("f1") < text.index("r1") < text.index("f2") < text.index("r2")
    assert text.count("[assistant]c") == 1


def test_content_in_parts_and_arguments_as_text_where_they_are_wanted():
    parts = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}" + TOOLS
    assert ChatTemplate(parts).render([USER]) == "Hi"
    text = (
        TOOLS
        + "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ '' + c.function.arguments }}{% endfor %}{% endfor %}"
    )
    talk = [USER, {"role": "assistant", "content": "", "tool_calls": [call(1)]}]
    assert ChatTemplate(text).render(talk) == 'Hi{"a": 1}'
    assert json.loads(ChatTemplate(TOOLS + TALK).render(talk).partition("call_1")[2]) == {"a": 1}


def test_ids_of_nine_letters_where_nothing_else_is_taken():
    check = "{% for m in messages %}{% for c in m.tool_calls or [] %}{% if c.id | length != 9 %}{{ raise_exception('id') }}{% endif %}{% endfor %}{% endfor %}"
    template = ChatTemplate(check + TOOLS + TALK + "{{ messages[-1].tool_call_id }}")
    talk = [USER, {"role": "assistant", "content": "", "tool_calls": [call(1)]}]
    text = template.render([*talk, {"role": "tool", "tool_call_id": "call_1", "content": "r"}])
    assert text.count(text[-9:]) == 2
    assert "call_1" not in text


def test_reasoning_has_the_names_that_templates_look_for():
    talk = [USER, {"role": "assistant", "content": "c", "reasoning_content": "hm"}]
    for name in ("reasoning_content", "reasoning", "thinking"):
        assert ChatTemplate("{{ messages[1]." + name + " }}{{ messages[1].content }}").render(talk) == "hmc"
    blocks = "{# [INST][TOOL_CALLS][ARGS][THINK] #}{{ messages[0].content }}{{ messages[1].content | tojson }}"
    assert json.loads(ChatTemplate(blocks).render(talk).removeprefix("Hi"))[0] == {"type": "thinking", "thinking": "hm"}


def test_what_transformers_gives_a_template():
    source = (
        "{%- generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ {'b': 1, 'a': 'é'} | tojson(sort_keys=true) }}"
        "{{ [1, 2] | tojson(separators=(',', ':')) }}{{ [1] | tojson(indent=2) | length }}{{ documents is none }}"
        "{% set ns = namespace(n=0) %}{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{% set ns.n = i %}{% endfor %}"
        "{{ ns.n }}{{ strftime_now('%Y') | length }}{{ messages[0].content }}"
    )
    assert ChatTemplate(source).render([USER]) == '1{"a": "é", "b": 1}[1,2]7True24Hi'


def test_a_template_says_which_variables_it_reads():
    template = ChatTemplate("{% set a = a | default(true) %}{{ a }}{{ b }}{{ messages }}{{ strftime_now('') }}")
    assert template.variables == {"a", "b"}
    assert ChatTemplate("{{ a }}{{ messages[0].content }}").render([USER], arguments={"a": 7}) == "7Hi"


def test_an_answer_is_continued_where_it_stopped():
    source = TALK.replace("{% endfor %}{% endfor %}", "{% endfor %}<end>\n{% endfor %}") + "{{ add_generation_prompt }}"
    talk = [USER, {"role": "assistant", "content": "It is "}]
    assert ChatTemplate(source).render(talk, continue_final=True).endswith("[assistant]It is ")
    for wrong in ([USER], [USER, {"role": "assistant", "content": "", "tool_calls": [call(1)]}]):
        with pytest.raises(InvalidRequestError, match="only an assistant"):
            ChatTemplate(source).render(wrong, continue_final=True)
    with pytest.raises(InvalidRequestError, match="cannot end"):
        ChatTemplate("{{ messages[0].content }}").render(talk, continue_final=True)

"""The chat templates of the field, out of llama-cpp-python's source archive, through labkit's formats.

Each is rendered with conversations of every kind. Then its own rendering of an assistant's message is taken for what
the model wrote: read back in one piece, character by character and in parts, it must give the same content, reasoning
and calls, and the grammar that forces calls must accept it.

    python benchmarks/chat_templates.py [FOLDER] [--only NAME] [--show]

FOLDER holds *.jinja files, or is the archive. Without it, the archive is fetched with pip, in the version that is
installed. Exit code 1 when a template of a known family is not read back.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from transformers.utils.chat_template_utils import render_jinja_template

from fakes.read_answers import Answer, accepts, every_cutting, forced_grammar, read
from labkit.chat import ArgumentTypes, ChatTemplate
from labkit.chat.reasoning import opened_by
from labkit.chat.thinking import Thinking
from labkit.errors import LabkitError

_PLACE = {"type": "string", "description": "Where."}
_DAYS = {"type": "integer", "description": "How many."}
_NOTES = {"type": "array", "items": {"type": "string"}, "description": "Words."}
_FLAG = {"type": "boolean", "description": "Whether."}


def _tool(name: str, required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": "A tool.", "parameters": parameters}}


TOOLS = (
    _tool("get_weather", ["city"], city=_PLACE, days=_DAYS, exact=_FLAG, notes=_NOTES),
    _tool("set_timer", ["minutes"], minutes=_DAYS),
)
_FIRST = {"city": 'Zürich "x" {y} 🎉', "days": 3, "exact": True, "notes": ["a b", "c"]}
_CALLS = (("get_weather", _FIRST), ("set_timer", {"minutes": 5}))
_SYSTEM = {"role": "system", "content": "Be brief."}
_USER = {"role": "user", "content": "What is the weather?"}
_CONTENT, _REASONING = "Let me see, it is so.", "First I think.\n\nThen I know."
_ENDS = (
    "<|im_end|>", "<EOS>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|call|>", "<|return|>", "<|role_end|>",
    "<end_of_turn>", "<turn|>", "<|tool_response>", "[e~[", "<｜end▁of▁sentence｜>", "<|observation|>", "<|user|>",  # noqa: RUF001
    "<end_of_sentence>", "<seed:eos>", "<|END_OF_TURN_TOKEN|>", "<SPECIAL_12>", "<|message_sep|>", "<|endoftext|>",
    "</assistant>", "<sep>", "<｜hy_eos:opensource｜>", "<|end_of_msg|>", "<|assistant_end|>",  # noqa: RUF001
)  # fmt: skip
_INNER_END = "<|end|>"  # ends an answer in some families, a part of one in others
_FAMILIES_OF_PARTS = ("harmony", "solar")


@dataclass
class Case:
    """A message of an assistant."""

    name: str
    content: str = ""
    reasoning: str = ""
    num_calls: int = 0

    @property
    def message(self) -> dict[str, Any]:
        """As a client would send it back."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.num_calls:
            message["tool_calls"] = [
                {"id": f"call0000{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                for n, (name, given) in enumerate(_CALLS[: self.num_calls])
            ]
        return message


CASES = (
    Case("text", _CONTENT),
    Case("reason", _CONTENT, _REASONING),
    Case("call", num_calls=1),
    Case("reason+call", "", _REASONING, 1),
    Case("text+calls", _CONTENT, "", 2),
    Case("all", _CONTENT, _REASONING, 2),
)


@dataclass
class Verdict:
    """What became of one template."""

    name: str
    family: str = ""
    is_known: bool = True
    cases: dict[str, str] = field(default_factory=dict)
    mended: str = ""
    reference: Counter[str] = field(default_factory=Counter[str])

    @property
    def is_passed(self) -> bool:
        """Nothing went wrong."""
        return all(result.startswith("ok") for result in self.cases.values())


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true", help="print what the templates render")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or _fetched(Path(scratch))
        if folder.is_file():
            folder = _unpacked(folder, Path(scratch) / "templates")
        found = [path for path in sorted(folder.glob("*.jinja")) if options.only in path.name]
        verdicts = [_judge(path, show=options.show) for path in found]
    _print(verdicts)
    failed = [verdict for verdict in verdicts if not verdict.is_passed]
    return 1 if any(verdict.is_known for verdict in failed) or not verdicts else 0


def _fetched(scratch: Path) -> Path:
    """The archive of the installed version. pip asks its build for metadata, and builds nothing."""
    wanted = f"llama-cpp-python=={version('llama-cpp-python')}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-python"]
    subprocess.run([*command, "--dest", str(scratch), wanted], check=True)
    (archive,) = scratch.glob("*.tar.gz")
    return archive


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as packed:
        for member in packed:
            if "/models/templates/" in member.name and member.name.endswith(".jinja"):
                member.name = Path(member.name).name
                packed.extract(member, folder, filter="data")
    return folder


def _judge(path: Path, *, show: bool) -> Verdict:
    verdict = Verdict(path.stem)
    try:
        template = ChatTemplate(path.read_text(encoding="utf-8"), bos="<BOS>", eos="<EOS>")
    except LabkitError as error:
        verdict.cases["compiles"] = str(error)
        return verdict
    verdict.family = template.format.name
    verdict.is_known = template.format.calls is not None and verdict.family != "plain"
    usual = type(template.habits)(takes_developer=template.habits.takes_developer)
    verdict.mended = " ".join(
        name for name in usual.__dataclass_fields__ if getattr(usual, name) != getattr(template.habits, name)
    )
    for name, talk, tools in _prompts():
        try:
            prompt = template.render(talk, tools)
        except LabkitError as error:
            verdict.cases[name] = f"{error}"
            continue
        missing = [word for word in _words(talk, tools) if word not in prompt]
        verdict.cases[name] = f"lost {missing}" if missing else "ok"
    for case in CASES:
        ways = [_round_trip(template, case, follows, show=show) for follows in ([], _following(case))]
        verdict.cases[case.name] = next((way for way in ways if way.startswith("ok")), ways[0])
    verdict.reference = _compared(template)
    if template.format.calls is not None and template.format.name not in (
        "plain",
        "harmony",
    ):  # gpt-oss writes its header in another order than its template
        verdict.cases["grammar"] = _judge_grammar(template)
    return verdict


def _judge_grammar(template: ChatTemplate) -> str:
    """Whether the grammar that forces calls accepts what the template writes."""
    given = {"city": "Oslo {x}", "days": 3}
    message = Case("", num_calls=1).message
    message["tool_calls"][0]["function"]["arguments"] = json.dumps(given)
    try:
        prompt = template.render([_USER], TOOLS)
        whole = template.render([_USER, message], TOOLS, add_generation_prompt=False)
    except LabkitError as error:
        return str(error)
    text = _answer_in(whole[len(_before_marker(_common(prompt, whole))) :], template.format.name)
    accepted = _is_accepted(template, text)
    return "ok" if accepted is True else f"{accepted} of {text!r}"


def _compared(template: ChatTemplate) -> Counter[str]:
    """How often the prompt is the one that transformers makes of the same conversation."""
    talks = [([_USER], ()), ([_SYSTEM, _USER], ()), ([_SYSTEM, _USER], TOOLS)]
    talks += [([_USER, case.message, *_following(case)], TOOLS) for case in CASES]
    found: Counter[str] = Counter()
    for talk, tools in talks:
        ours = _or_none(lambda talk=talk, tools=tools: template.render(talk, tools))
        theirs = _or_none(lambda talk=talk, tools=tools: _as_transformers(template.source, talk, tools))
        found["as transformers" if ours == theirs else "that it refuses" if theirs is None else "mended"] += 1
    return found


def _or_none(render: Callable[[], str]) -> str | None:
    try:
        return render()
    except Exception:  # noqa: BLE001 - a template is code, and raises whatever it raises
        return None


def _as_transformers(source: str, talk: list[dict[str, Any]], tools: tuple[dict[str, Any], ...]) -> str:
    talk = json.loads(json.dumps(talk))
    for call in (call for message in talk for call in message.get("tool_calls", ())):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    rendered, _ = render_jinja_template(
        [talk],
        list(tools) or None,
        chat_template=source,
        add_generation_prompt=True,
        bos_token="<BOS>",
        eos_token="<EOS>",
    )
    return rendered[0]


def _prompts() -> list[tuple[str, list[dict[str, Any]], tuple[dict[str, Any], ...]]]:
    history = [_USER, Case("", "", "", 2).message]
    history += [{"role": "tool", "tool_call_id": f"call0000{n}", "content": f"result {n}"} for n in range(2)]
    return [
        ("user", [_USER], ()),
        ("system", [_SYSTEM, _USER, {"role": "assistant", "content": "Hm."}, _USER], ()),
        ("developer", [{**_SYSTEM, "role": "developer"}, _USER], ()),
        ("tools", [_SYSTEM, _USER], TOOLS),
        ("results", history, TOOLS),
    ]


def _words(talk: list[dict[str, Any]], tools: tuple[dict[str, Any], ...]) -> list[str]:
    words = [message["content"] for message in talk if message["content"]]
    words += [tool["function"]["name"] for tool in tools]
    return words + [call["function"]["name"] for message in talk for call in message.get("tool_calls", ())]


def _following(case: Case) -> list[dict[str, Any]]:
    """What may come after the message: some templates write their last message in a way of its own."""
    if case.num_calls:
        ids = [call["id"] for call in case.message["tool_calls"]]
        return [{"role": "tool", "tool_call_id": call_id, "content": "It is so."} for call_id in ids]
    return [{"role": "user", "content": "Thanks."}]


def _round_trip(template: ChatTemplate, case: Case, follows: list[dict[str, Any]], *, show: bool) -> str:
    try:
        prompt = template.render([_USER], TOOLS)
        whole = template.render([_USER, case.message, *follows], TOOLS, add_generation_prompt=False)
    except LabkitError as error:
        return str(error)
    begun = _before_marker(_common(prompt, whole))
    text = _answer_in(whole[len(begun) :], template.format.name)
    if show:
        print(f"{case.name}: {begun[-40:]!r} | {text!r}")
    expected, left_out = _expected(template, case, text)
    thinking = template.format.thinking_in(template.source)
    opened = _opened(prompt, begun, text, thinking)
    for parts in every_cutting(text):
        reader = template.format.reader(ArgumentTypes(TOOLS), thinking=thinking, opened=opened)
        found = _loaded(read(reader, parts))
        if found != expected:
            return f"{found} instead of {expected}"
    return f"ok (not written: {left_out})" if left_out else "ok"


def _opened(prompt: str, begun: str, text: str, thinking: tuple[Thinking, ...]) -> Thinking | None:
    """Reasoning that the prompt begins, also where the message is written without that beginning."""
    found = opened_by(begun, thinking) or opened_by(prompt, thinking)
    if found is None or opened_by(begun, thinking) is not None:
        return found
    return (
        found if any(mark in text for mark in found.closes) and not any(mark in text for mark in found.opens) else None
    )


def _is_accepted(template: ChatTemplate, text: str) -> bool | str:
    calls = template.format.calls
    assert calls is not None
    starts = [text.find(opener) for opener in calls.openers if opener in text] or [0]
    text = text[min(starts) :].rstrip()
    for marker in template.format.drops:  # what ends a message is no part of its calls
        text = text.removesuffix(marker)
    return accepts(forced_grammar(calls, TOOLS), text)


def _expected(template: ChatTemplate, case: Case, text: str) -> tuple[tuple[Any, ...], str]:
    """What must come out of `text`, and what of the message the template does not write."""
    left_out = [
        name
        for name, words in (("content", case.content), ("reasoning", case.reasoning))
        if words and words.split("\n")[0] not in text
    ]
    if template.format.name == "harmony" and case.num_calls and case.content:  # what is said before a call is analysis
        case = Case(case.name, "", "\n".join(filter(None, (case.reasoning, case.content))), case.num_calls)
        left_out = []
    num_calls = case.num_calls if template.habits.shows_every_call or not template.habits.shows_calls else 1
    num_calls = min(num_calls, case.num_calls) if _CALLS[0][0] in text else 0
    if num_calls < case.num_calls:
        left_out.append("calls" if not num_calls else "second call")
    content = "" if "content" in left_out else case.content
    reasoning = "" if "reasoning" in left_out else case.reasoning
    return (content, reasoning, list(_CALLS[:num_calls])), ", ".join(left_out)


def _loaded(answer: Answer) -> tuple[Any, ...]:
    return (
        answer.content.strip(),
        answer.reasoning.strip(),
        [(name, _json(arguments)) for name, arguments in answer.calls],
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return f"not JSON: {text}"


def _common(first: str, second: str) -> str:
    length = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    return second[: min(len(first), len(second)) if length is None else length]


def _before_marker(text: str) -> str:
    """`text` without the beginning of a marker at its end."""
    start = text.rfind("<")
    return text[:start] if start > text.rfind(">") and len(text) - start < 40 else text


def _answer_in(text: str, family: str) -> str:
    ends = _ENDS if family in _FAMILIES_OF_PARTS else (*_ENDS, _INNER_END)
    return text[: min((text.find(end) for end in ends if end in text), default=len(text))]


def _print(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        bad = {name: result for name, result in verdict.cases.items() if not result.startswith("ok")}
        notes = sorted({result for result in verdict.cases.values() if result.startswith("ok (")})
        print(f"{'pass' if verdict.is_passed else 'FAIL'}  {verdict.name:55} {verdict.family:14} {verdict.mended}")
        for name, result in bad.items():
            print(f"        {name}: {result}")
        for note in notes:
            print(f"        {note[3:]}")
    reference = sum((verdict.reference for verdict in verdicts), Counter[str]())
    print("prompts: " + ", ".join(f"{count} {kind}" for kind, count in reference.most_common()))
    print(f"{sum(verdict.is_passed for verdict in verdicts)} of {len(verdicts)} templates pass")


if __name__ == "__main__":
    sys.exit(main())

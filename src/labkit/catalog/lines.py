"""On which line of a JSON or TOML text a value stands: parsers forget it, and a person needs it to mend a file."""

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_TOML_HEADING = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_TOML_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+?)\s*=")


def line_of(path: Path, text: str, *, is_toml: bool) -> int | None:
    """The line, from 1, of the value at `path`, or of the innermost thing around it that is there."""
    lines = dict(_toml_lines(text) if is_toml else _json_lines(text))
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _json_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Each value's path with its line: a walk over the tokens of a valid JSON text."""
    stack: list[str | int] = []  # the key or index inside each open object or list
    key = ""
    line, seen = 1, 0
    for token in _JSON_TOKEN.finditer(text):
        line += text.count("\n", seen, token.start())
        seen = token.start()
        word = token[0]
        if word in "{[":
            stack.append("" if word == "{" else 0)
        elif word in "}]":
            del stack[-1:]
        elif word == ",":
            if stack and isinstance(stack[-1], int):
                stack[-1] += 1
        elif word == ":" and stack:
            stack[-1] = key
            yield tuple(stack), line
        elif word.startswith('"'):
            key = word[1:-1]
        if word not in "}]:," and stack and isinstance(stack[-1], int):
            yield tuple(stack), line
        if word == "{" and len(stack) > 1 and isinstance(stack[-2], int):
            yield tuple(stack[:-1]), line


def _toml_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Each heading's and key's path with its line. Inline tables count as the line they stand on."""
    counts: dict[Path, int] = {}
    here: Path = ()
    for number, content in enumerate(text.splitlines(), start=1):
        if heading := _TOML_HEADING.match(content):
            here = _resolved(heading[2], counts, is_array=heading[1] == "[[")
            yield here, number
        elif key := _TOML_KEY.match(content):
            yield (*here, *_words(key[1])), number


def _resolved(heading: str, counts: dict[Path, int], *, is_array: bool) -> Path:
    """`models.files` inside the third [[models]] is ("models", 2, "files", n)."""
    path: Path = ()
    words = _words(heading)
    for depth, word in enumerate(words, start=1):
        path = (*path, word)
        if is_array and depth == len(words):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _words(dotted: str) -> list[str]:
    return [word.strip().strip("\"'") for word in dotted.split(".")]

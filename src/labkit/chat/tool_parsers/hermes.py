"""Hermes and Qwen style: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, one block per call."""

import json
import re

from labkit.chat.pieces import ContentPiece, Piece, ToolCallPiece

MARKER = "<tool_call>"
_END = "</tool_call>"
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=[{\[])')


class Parser:
    """Streams the arguments of a call while they are written; a call out of order is read when it is complete."""

    def __init__(self) -> None:
        self._buffer = ""
        self._index = -1
        self._arguments: _JsonValue | None = None
        self._in_call = False

    def feed(self, text: str) -> list[Piece]:
        """Content up to a marker, and calls as far as they are certain."""
        self._buffer += text
        pieces: list[Piece] = []
        while self._call(pieces) if self._in_call else self._content(pieces):
            pass
        return pieces

    def finish(self) -> list[Piece]:
        """A call that was cut off after its head stays as it is; one without a head comes out as content."""
        rest, self._buffer = self._buffer, ""
        if not self._in_call:
            return [ContentPiece(rest)] if rest and (rest.strip() or self._index < 0) else []
        self._in_call = False
        return [] if self._arguments else self._whole_call(rest, closed=False)

    def _content(self, pieces: list[Piece]) -> bool:
        """Handle text outside of calls. True when a call begins."""
        at = self._buffer.find(MARKER)
        end = at if at >= 0 else len(self._buffer) - _open_suffix_length(self._buffer, MARKER)
        # White space around calls is the format's own: line breaks wait for what follows them.
        text = self._buffer[:end].rstrip("\n")
        self._buffer = self._buffer[end if at >= 0 else len(text) :]
        if text.strip() or (text and self._index < 0 and at < 0):
            pieces.append(ContentPiece(text))
        if at < 0:
            return False
        self._buffer = self._buffer[len(MARKER) :]
        self._in_call, self._arguments = True, None
        return True

    def _call(self, pieces: list[Piece]) -> bool:
        """Handle text inside a call. True when it ends."""
        if self._arguments is None:
            head = _HEAD.match(self._buffer)
            if head is None:
                return self._unordered_call(pieces)
            self._index += 1
            pieces.append(ToolCallPiece(self._index, name=json.loads(head[1])))
            self._arguments = _JsonValue()
            self._buffer = self._buffer[head.end() :]
        taken = self._arguments.feed(self._buffer)
        if taken:
            pieces.append(ToolCallPiece(self._index, arguments=self._buffer[:taken]))
            self._buffer = self._buffer[taken:]
        end = self._buffer.find(_END) if self._arguments.is_complete else -1
        if end < 0:
            return False
        self._buffer = self._buffer[end + len(_END) :]
        self._in_call = False
        return True

    def _unordered_call(self, pieces: list[Piece]) -> bool:
        end = self._buffer.find(_END)
        if end < 0:
            return False
        body, self._buffer = self._buffer[:end], self._buffer[end + len(_END) :]
        pieces.extend(self._whole_call(body, closed=True))
        self._in_call = False
        return True

    def _whole_call(self, body: str, *, closed: bool) -> list[Piece]:
        try:
            call = json.loads(body)
            name, arguments = call["name"], call.get("arguments", call.get("parameters", {}))
        except (ValueError, KeyError, TypeError, AttributeError):
            return [ContentPiece(MARKER + body + (_END if closed else ""))]
        self._index += 1
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        return [ToolCallPiece(self._index, name=str(name), arguments=text)]


class _JsonValue:
    """Finds the end of a JSON object or array in text that arrives in parts."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.is_complete = False

    def feed(self, text: str) -> int:
        """How many characters of `text` belong to the value."""
        if self.is_complete:
            return 0
        for at, char in enumerate(text):
            if self._in_string:
                self._string_character(char)
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self.is_complete = True
                    return at + 1
        return len(text)

    def _string_character(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._in_string = False


def _open_suffix_length(text: str, marker: str) -> int:
    """Length of the longest end of `text` that could still become `marker`."""
    for length in range(min(len(text), len(marker) - 1), 0, -1):
        if marker.startswith(text[-length:]):
            return length
    return 0

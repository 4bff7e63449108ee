"""Where readers put what they found: pieces, with the white space of the format taken off."""

import json

from labkit.chat.pieces import ContentPiece, Piece, ReasoningPiece, ToolCallPiece


class Output:
    """Pieces of one answer. Modifies itself.

    White space around calls and reasoning is the format's own: it waits for what follows, and is dropped there. An
    answer of text alone is given as it is.
    """

    def __init__(self) -> None:
        self.num_calls = 0
        self.is_reasoning = False
        self._pieces: list[Piece] = []
        self._waiting = ""
        self._is_begun = False
        self._fresh = True
        self._trims_start = False
        self._trims_end = False

    @property
    def is_begun(self) -> bool:
        """Whether anything but white space was given."""
        return self._is_begun

    def drain(self) -> list[Piece]:
        """What came since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def content(self, text: str) -> None:
        """Text for the reader."""
        self._put(text, trims_start=self._trims_start)

    def end_content(self) -> None:
        """The answer is over: line breaks at the end of plain text are its own."""
        waiting, self._waiting = self._waiting, ""
        if waiting and not self._trims_end:
            self._pieces.append(ContentPiece(waiting))

    def begin_reasoning(self) -> None:
        """What follows is thought."""
        self._waiting, self._fresh = "", True
        self.is_reasoning = True

    def reasoning(self, text: str) -> None:
        """What the model thinks."""
        self._put(text, trims_start=True)

    def end_reasoning(self) -> None:
        """What follows is said."""
        self._waiting, self._fresh = "", True
        self.is_reasoning = False
        self._trims_start = True

    def call(self, name: str) -> None:
        """A call begins."""
        self._waiting, self._is_begun = "", True
        self._fresh = self._trims_start = self._trims_end = True
        self._pieces.append(ToolCallPiece(self.num_calls, name=name))
        self.num_calls += 1

    def arguments(self, text: str) -> None:
        """More of the JSON text of the last call's arguments."""
        if text:
            self._pieces.append(ToolCallPiece(self.num_calls - 1, arguments=text))

    def string_part(self, text: str) -> None:
        """More of a string inside the arguments, as it reads."""
        self.arguments(json.dumps(text, ensure_ascii=False)[1:-1])

    def _put(self, text: str, *, trims_start: bool) -> None:
        """Hold back line breaks at the end, drop those at a start that belongs to the format."""
        if self._fresh and trims_start:
            text = text.lstrip("\n\r \t")
        text = self._waiting + text
        kept = text.rstrip("\n\r \t")
        if not kept:
            self._waiting = text
            return
        self._waiting = text[len(kept) :]
        self._fresh, self._is_begun = False, True
        make = ReasoningPiece if self.is_reasoning else ContentPiece
        self._pieces.append(make(kept))

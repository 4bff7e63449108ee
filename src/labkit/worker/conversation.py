"""One chat request inside the worker: from engine events to deltas a front can send on. Pure."""

import secrets

from labkit.chat import ContentPiece, Piece, ToolParser
from labkit.engine.types import TokenEvent
from labkit.errors import LabkitError, NativeError
from labkit.worker.messages import Delta, ToolCallDelta, WireFinishReason
from labkit.worker.wire import describe_error


class Conversation:
    """Feeds the text of one sequence through its tool parser. Modifies itself."""

    def __init__(self, request_id: str, parser: ToolParser) -> None:
        self._request_id = request_id
        self._parser = parser
        self._has_calls = False

    def delta(self, event: TokenEvent) -> Delta:
        """What `event` means for the client. The last one carries the finish reason or the error."""
        if event.error is not None:
            error = event.error
            known = error if isinstance(error, LabkitError) else NativeError("the engine failed")
            return Delta(self._request_id, error=describe_error(known))
        pieces = self._parser.feed(event.text)
        if event.is_last:
            pieces += self._parser.finish()
        content = "".join(piece.text for piece in pieces if isinstance(piece, ContentPiece))
        return Delta(
            self._request_id,
            content=content,
            tool_calls=self._tool_calls(pieces),
            num_tokens=len(event.tokens),
            finish_reason=self._finish_reason(event),
            usage=event.usage,
            timings=event.timings,
        )

    def _tool_calls(self, pieces: list[Piece]) -> tuple[ToolCallDelta, ...]:
        calls: list[ToolCallDelta] = []
        for piece in pieces:
            if isinstance(piece, ContentPiece):
                continue
            self._has_calls = True
            new_id = f"call_{secrets.token_hex(12)}" if piece.name is not None else None
            calls.append(ToolCallDelta(piece.index, new_id, piece.name, piece.arguments))
        return tuple(calls)

    def _finish_reason(self, event: TokenEvent) -> WireFinishReason | None:
        return "tool_calls" if event.finish_reason == "stop" and self._has_calls else event.finish_reason

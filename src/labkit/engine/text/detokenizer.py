"""Token pieces are bytes and may end in mid-character; clients get whole characters."""

import codecs

_new_decoder = codecs.getincrementaldecoder("utf-8")


class Detokenizer:
    """Incremental UTF-8: feed pieces, get the text that is complete so far. Modifies itself; one per sequence."""

    def __init__(self) -> None:
        self._decoder = _new_decoder(errors="replace")

    def feed(self, piece: bytes) -> str:
        """Text that `piece` completes; a character that is still open stays inside."""
        return self._decoder.decode(piece)

    def flush(self) -> str:
        """What is left at the end: a replacement character for a character that never closed, or nothing."""
        return self._decoder.decode(b"", final=True)

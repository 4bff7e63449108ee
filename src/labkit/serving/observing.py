"""What an endpoint tells of its requests, and to whom: log, traces, explanations."""

import contextlib
import logging
import os
from collections.abc import Generator
from dataclasses import dataclass

from labkit.api import ChatBackend
from labkit.api.observation import Observer
from labkit.api.observers import RequestLog, tracing
from labkit.api.observers.model_names import ModelNames
from labkit.errors import MissingExtraError
from labkit.serving.logs import LogFormat

_NOT_SENT = "no traces are sent, though the environment names a collector; to send them: pip install 'labkit[otel]'"
_logger = logging.getLogger("labkit.serving")


@dataclass(frozen=True, slots=True)
class Observing:
    """Choices of one endpoint.

    Attributes:
        log_format: of the front's log.
        traces: send them even where the environment names no collector.
        explain_prompts: keep the prompts of the last requests in memory, for `labkit explain`.
    """

    log_format: LogFormat = "text"
    traces: bool = False
    explain_prompts: bool = False

    def note(self) -> str:
        """What to say when the environment names a collector, which may be meant for others, and labkit cannot send.

        "" when there is nothing to say. Raises MissingExtraError where traces are asked for in so many words.
        """
        if tracing.is_installed():
            return ""
        if self.traces:
            raise MissingExtraError("otel", "sending traces")
        return _NOT_SENT if tracing.is_asked_for(os.environ) else ""


@contextlib.contextmanager
def observers(observing: Observing, backend: ChatBackend) -> Generator[tuple[Observer, ...], None, None]:
    """Who is told of every request while the context lasts. Raises MissingExtraError."""
    note = observing.note()
    if note:
        _logger.warning(note)
    if note or not (observing.traces or tracing.is_asked_for(os.environ)):
        yield (RequestLog(),)
        return
    with tracing.open_tracing(ModelNames(backend).of) as traces:
        yield (RequestLog(), traces)

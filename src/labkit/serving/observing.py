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

    def require(self) -> None:
        """Raise MissingExtraError when traces are asked for and cannot be sent."""
        if self.traces and not tracing.is_installed():
            raise MissingExtraError("otel", "sending traces")


@contextlib.contextmanager
def observers(observing: Observing, backend: ChatBackend) -> Generator[tuple[Observer, ...], None, None]:
    """Who is told of every request while the context lasts. Raises MissingExtraError."""
    observing.require()
    if not (observing.traces or tracing.is_asked_for(os.environ)):
        yield (RequestLog(),)
    elif not tracing.is_installed():  # the variable may be meant for other programs
        _logger.warning("no traces are sent, though the environment names a collector: pip install 'labkit[otel]'")
        yield (RequestLog(),)
    else:
        with tracing.open_tracing(ModelNames(backend).of) as traces:
            yield (RequestLog(), traces)

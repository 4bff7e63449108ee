"""Operations of labkit's own routes: how the endpoint is, and what became of requests."""

from functools import partial

from labkit.api.dialects import OPENAI
from labkit.api.openapi.answers.labkit import (
    DocumentAnswer,
    HealthAnswer,
    ReadyAnswer,
    RequestAnswer,
    RequestsAnswer,
    StatsAnswer,
    VersionAnswer,
)
from labkit.api.openapi.operations import Operation

_operation = partial(Operation, dialect=OPENAI, tag="labkit")
_TEXT = {"text/plain": "Signs of life."}

OPERATIONS = (
    _operation(method="get", path="/", summary="Signs of life.", other_answers=_TEXT),
    _operation(
        method="get",
        path="/health",
        summary="Whether the front lives and a model can be asked. Asks no worker.",
        answer=HealthAnswer,
        statuses=(503,),
        is_open=True,
    ),
    _operation(
        method="get",
        path="/ready",
        summary="Whether a token would come.",
        answer=ReadyAnswer,
        statuses=(503,),
        errors=(404,),
        query={"model": {"type": "string"}},
        is_open=True,
    ),
    _operation(method="get", path="/ping", summary="/health without a body.", statuses=(503,)),
    _operation(method="post", path="/ping", summary="/health without a body.", statuses=(503,)),
    _operation(method="get", path="/version", summary="labkit's version.", answer=VersionAnswer),
    _operation(
        method="get",
        path="/metrics",
        summary="Figures for Prometheus.",
        other_answers={"text/plain": "The text format of Prometheus."},
    ),
    _operation(method="get", path="/labkit/stats", summary="What each engine runs and keeps.", answer=StatsAnswer),
    _operation(
        method="get",
        path="/labkit/requests",
        summary="The last requests in short, newest first.",
        answer=RequestsAnswer,
        query={"limit": {"type": "integer", "minimum": 1, "maximum": 1000}},
        errors=(400,),
    ),
    _operation(
        method="get",
        path="/labkit/requests/{request_id}",
        summary="What became of one request.",
        answer=RequestAnswer,
        path_parameters={"request_id": 'Its x-request-id, the id of its answer, or "last".'},
        errors=(404,),
    ),
    _operation(
        method="get",
        path="/openapi.json",
        summary="This document.",
        answer=DocumentAnswer,
    ),
)

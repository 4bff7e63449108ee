"""Observations as they look when a request is over."""

from typing import Any

from labkit.api.observation import Caller, Observation
from labkit.engine.types import SamplingOverrides, SamplingParams, Timings, Usage
from labkit.worker.messages import Generate, Report

REPORT = Report(
    stop_cause="max_tokens",
    sampling=SamplingParams(temperature=0.5, top_k=20),
    message_tokens=(("system", 4), ("user", 5), ("template", 1)),
    companions=("chatcmpl-2", "chatcmpl-3"),
    most_companions=2,
    mean_batch=1.5,
    num_forwards=8,
    chat_format="hermes",
)


def generate(request_id: str = "chatcmpl-1", text: str = "CANARY", **fields: Any) -> Generate:
    given = {"sampling": SamplingOverrides(temperature=0.5), "max_tokens": 4} | fields
    return Generate(request_id=request_id, messages=({"role": "user", "content": text},), **given)


def observation(**fields: Any) -> Observation:
    """A chat of ten tokens of prompt, six of them cached, and four of answer, over after 1.0 s."""
    operation = fields.pop("operation", generate())
    found = Observation(
        request_id="req-1",
        method="POST",
        route="/v1/chat/completions",
        answer_id="chatcmpl-1",
        model="tiny",
        operation=operation,
        started=100.0,
        first_token=100.2,
        last_token=100.8,
        ended=101.0,
        gaps=[0.1, 0.2, 0.3],
        num_tokens=4,
        finish_reasons=("length",),
        usage=Usage(10, 4, cached_tokens=6, cached_from="host"),
        timings=Timings(queue_seconds=0.05, prefill_seconds=0.15, decode_seconds=0.6),
        reports=(REPORT,),
        given={"temperature": 0.5, "max_tokens": 4},
        ignored=("user",),
        status=200,
    )
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def of_key(key_id: str, **fields: Any) -> Observation:
    return observation(caller=Caller(key_id=key_id, name=f"name of {key_id}"), **fields)

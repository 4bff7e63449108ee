"""Operations of Anthropic's API."""

from functools import partial

from labkit.api.anthropic.request import REFUSED
from labkit.api.dialects import ANTHROPIC
from labkit.api.openapi.answers.anthropic import CountAnswer, MessageAnswer
from labkit.api.openapi.openai import STREAM
from labkit.api.openapi.operations import WITH_MODEL, Operation
from labkit.api.schemas.messages import CountBody, MessagesBody

_operation = partial(Operation, dialect=ANTHROPIC, tag="Anthropic", refused=REFUSED, errors=WITH_MODEL)

OPERATIONS = (
    _operation(
        method="post",
        path="/v1/messages",
        summary="Answer a conversation.",
        body=MessagesBody,
        answer=MessageAnswer,
        other_answers=STREAM,
    ),
    _operation(
        method="post",
        path="/v1/messages/count_tokens",
        summary="How many tokens a message would read.",
        body=CountBody,
        answer=CountAnswer,
    ),
)

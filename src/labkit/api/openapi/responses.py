"""Operations of OpenAI's Responses API."""

from functools import partial

from labkit.api.dialects import OPENAI
from labkit.api.openapi.answers.responses import DeletedResponse, InputItems, ResponseObject
from labkit.api.openapi.answers.tokens import InputTokensAnswer
from labkit.api.openapi.openai import STREAM
from labkit.api.openapi.operations import WITH_MODEL, Operation
from labkit.api.responses.request import REFUSED
from labkit.api.schemas.responses import ConversationBody, ResponsesBody

_operation = partial(Operation, dialect=OPENAI, tag="OpenAI, responses")
_STORED = {"path_parameters": {"response_id": "The id of a stored response."}, "errors": (400, 404)}

OPERATIONS = (
    _operation(
        method="post",
        path="/v1/responses",
        summary="Answer a conversation, part of which may be stored.",
        body=ResponsesBody,
        answer=ResponseObject,
        other_answers=STREAM,
        refused=REFUSED,
        errors=WITH_MODEL,
    ),
    _operation(
        method="post",
        path="/v1/responses/input_tokens",
        summary="How many tokens a response would read.",
        body=ConversationBody,
        answer=InputTokensAnswer,
        refused=REFUSED,
        errors=WITH_MODEL,
    ),
    _operation(
        method="get",
        path="/v1/responses/{response_id}",
        summary="A stored response.",
        answer=ResponseObject,
        query={"stream": {"enum": ["false"]}},
        **_STORED,
    ),
    _operation(
        method="delete",
        path="/v1/responses/{response_id}",
        summary="Forget a stored response.",
        answer=DeletedResponse,
        **_STORED,
    ),
    _operation(
        method="get",
        path="/v1/responses/{response_id}/input_items",
        summary="The items that came with a request itself.",
        answer=InputItems,
        query={
            "order": {"enum": ["desc", "asc"]},
            "after": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        },
        **_STORED,
    ),
    _operation(
        method="post",
        path="/v1/responses/{response_id}/cancel",
        summary="Always refused: nothing runs in the background here.",
        **_STORED,
    ),
)

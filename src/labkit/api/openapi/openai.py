"""Operations of OpenAI's API, and of those that go with it."""

from functools import partial
from typing import Any

from labkit.api.dialects import OPENAI
from labkit.api.openapi.answers.openai import ChatCompletion, Completion, EmbeddingList, Model, ModelList, RerankList
from labkit.api.openapi.operations import WITH_MODEL, Operation
from labkit.api.schemas.chat import ChatCompletionBody
from labkit.api.schemas.completion import MAX_PROMPTS, CompletionBody
from labkit.api.schemas.embedding import MAX_INPUTS, EmbeddingBody, RerankBody
from labkit.api.schemas.fields import HARMLESS, REFUSED, REFUSED_IN_COMPLETIONS

STREAM = {"text/event-stream": "Server-sent events, where `stream` is true."}
_TOKENS = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}}


def _texts(most: int, **text: int) -> dict[str, Any]:
    """A text, texts, the token ids of one, or those of several."""
    one = {"type": "string", **text}
    several = {"type": "array", "minItems": 1, "maxItems": most}
    return {"anyOf": [one, {**several, "items": one}, _TOKENS, {**several, "items": _TOKENS}]}


PROMPTS = _texts(MAX_PROMPTS)
_operation = partial(Operation, dialect=OPENAI, tag="OpenAI")

OPERATIONS = (
    _operation(
        method="post",
        path="/v1/chat/completions",
        summary="Answer a conversation.",
        body=ChatCompletionBody,
        answer=ChatCompletion,
        other_answers=STREAM,
        refused=REFUSED,
        harmless=HARMLESS,
        errors=WITH_MODEL,
    ),
    _operation(
        method="post",
        path="/v1/completions",
        summary="Go on from a text, or from several.",
        body=CompletionBody,
        answer=Completion,
        other_answers=STREAM,
        by_hand={"prompt": PROMPTS},
        refused=REFUSED_IN_COMPLETIONS,
        harmless=HARMLESS,
        errors=WITH_MODEL,
    ),
    _operation(
        method="post",
        path="/v1/embeddings",
        summary="A vector for each input.",
        body=EmbeddingBody,
        answer=EmbeddingList,
        by_hand={"input": _texts(MAX_INPUTS, minLength=1)},
        errors=WITH_MODEL,
    ),
    _operation(
        method="post",
        path="/v1/rerank",
        also=("/rerank",),
        summary="Documents ordered by how well they answer the query.",
        body=RerankBody,
        answer=RerankList,
        errors=WITH_MODEL,
    ),
    _operation(method="get", path="/v1/models", summary="Every model that can be asked for.", answer=ModelList),
    _operation(
        method="get",
        path="/v1/models/{name}",
        summary="One model.",
        answer=Model,
        path_parameters={"name": "Its name, or another one of its names."},
        errors=(404,),
    ),
)

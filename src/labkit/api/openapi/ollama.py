"""Operations of Ollama's native API."""

from functools import partial

from labkit.api.dialects import OLLAMA
from labkit.api.ollama.options import REFUSED_FIELDS
from labkit.api.openapi.answers.ollama import (
    ChatAnswer,
    EmbedAnswer,
    EmbeddingsAnswer,
    GenerateAnswer,
    PsAnswer,
    ShowAnswer,
    TagsAnswer,
    VersionAnswer,
)
from labkit.api.openapi.operations import WITH_MODEL, Operation
from labkit.api.schemas.ollama import ChatBody, EmbedBody, EmbeddingsBody, GenerateBody, ShowBody

_STREAM = {"application/x-ndjson": "One JSON object to a line, where `stream` is not false."}
_operation = partial(Operation, dialect=OLLAMA, tag="Ollama")

OPERATIONS = (
    _operation(
        method="post",
        path="/api/chat",
        summary="Answer a conversation.",
        body=ChatBody,
        answer=ChatAnswer,
        other_answers=_STREAM,
        refused={name: REFUSED_FIELDS[name] for name in ("truncate", "shift")},
        errors=WITH_MODEL,
    ),
    _operation(
        method="post",
        path="/api/generate",
        summary="Answer a prompt.",
        body=GenerateBody,
        answer=GenerateAnswer,
        other_answers=_STREAM,
        refused={name: values for name, values in REFUSED_FIELDS.items() if name not in GenerateBody.model_fields},
        errors=WITH_MODEL,
    ),
    _operation(
        method="post",
        path="/api/embed",
        summary="A vector of length 1 for each input.",
        body=EmbedBody,
        answer=EmbedAnswer,
        errors=WITH_MODEL,
    ),
    _operation(
        method="post",
        path="/api/embeddings",
        summary="The vector of one prompt, as the model gives it.",
        body=EmbeddingsBody,
        answer=EmbeddingsAnswer,
        errors=WITH_MODEL,
    ),
    _operation(method="get", path="/api/tags", summary="Every model that can be asked for.", answer=TagsAnswer),
    _operation(method="get", path="/api/ps", summary="Every model that is loaded.", answer=PsAnswer),
    _operation(
        method="post", path="/api/show", summary="One model.", body=ShowBody, answer=ShowAnswer, errors=WITH_MODEL
    ),
    _operation(
        method="get", path="/api/version", summary="The version of Ollama's API that is followed.", answer=VersionAnswer
    ),
    *(
        _operation(method="post", path=f"/api/{name}", summary="Always refused: clients change no models here.")
        for name in ("pull", "push", "create", "copy")
    ),
    _operation(method="delete", path="/api/delete", summary="Always refused: clients change no models here."),
)

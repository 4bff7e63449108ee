"""From the body of an embeddings or rerank request to what a worker is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from labkit.api.schema_errors import explained
from labkit.api.schemas.embedding import MAX_INPUTS, EmbeddingBody, RerankBody
from labkit.api.schemas.fields import ignored_fields, refuse_ignored
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Embed, Rerank

_Body = TypeVar("_Body", bound=BaseModel)
_EMBEDDING_FIELDS = frozenset(EmbeddingBody.model_fields) | {"input"}
_RERANK_FIELDS = frozenset(RerankBody.model_fields)


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """One embeddings request: what to ask of which model, and how to write the numbers."""

    model: str
    embed: Embed
    as_base64: bool
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RerankCall:
    """One rerank request: what to ask of which model, and what to write of the result."""

    model: str
    rerank: Rerank
    top_n: int
    return_documents: bool
    ignored: tuple[str, ...]


def parse_embedding_call(body: dict[str, Any], request_id: str, *, strict: bool = False) -> EmbeddingCall:
    """The call in a JSON object. Raises InvalidRequestError with `param` for the first field that is wrong."""
    ignored = _ignored(body, _EMBEDDING_FIELDS, strict)
    parsed = _validated(EmbeddingBody, body)
    embed = Embed(
        request_id,
        inputs=_inputs(body.get("input")),
        dimensions=parsed.dimensions,
        normalize=parsed.normalize is not False,
    )
    return EmbeddingCall(parsed.model, embed, parsed.encoding_format == "base64", ignored)


def parse_rerank_call(body: dict[str, Any], request_id: str, *, strict: bool = False) -> RerankCall:
    """The call in a JSON object. Raises InvalidRequestError with `param` for the first field that is wrong."""
    ignored = _ignored(body, _RERANK_FIELDS, strict)
    parsed = _validated(RerankBody, body)
    documents = tuple(one if isinstance(one, str) else one.text for one in parsed.documents)
    return RerankCall(
        parsed.model,
        Rerank(request_id, parsed.query, documents),
        top_n=min(parsed.top_n or len(documents), len(documents)),
        return_documents=bool(parsed.return_documents),
        ignored=ignored,
    )


def _validated(kind: type[_Body], body: dict[str, Any]) -> _Body:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise explained(error) from error


def _ignored(body: Mapping[str, Any], treated: frozenset[str], strict: bool) -> tuple[str, ...]:
    ignored = ignored_fields(body, treated)
    if strict:
        refuse_ignored(ignored)
    return ignored


def _inputs(value: object) -> tuple[str | tuple[int, ...], ...]:
    """A text, texts, the token ids of one input, or those of several: OpenAI's four shapes.

    Read by hand and not by a schema: a union of them would name the branch that was not meant.
    """
    if value is None:
        raise InvalidRequestError("input is missing", param="input", code="missing_required_parameter")
    if isinstance(value, str):
        return (_text(value, "input"),)
    if not isinstance(value, list) or not value:
        raise _wrong("input", "must be a text, a list of texts, or token ids, and not empty")
    if all(isinstance(item, int) for item in value):
        return (_tokens(value, "input"),)
    if len(value) > MAX_INPUTS:
        raise _wrong("input", f"holds {len(value)} inputs, {MAX_INPUTS} are allowed in one request")
    return tuple(_input(item, f"input[{index}]") for index, item in enumerate(value))


def _input(value: object, place: str) -> str | tuple[int, ...]:
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, list):
        return _tokens(value, place)
    raise _wrong(place, "must be a text, or a list of token ids")


def _text(text: str, place: str) -> str:
    if not text:
        raise _wrong(place, "is empty")
    return text


def _tokens(tokens: list[Any], place: str) -> tuple[int, ...]:
    if not tokens:
        raise _wrong(place, "is empty")
    for token in tokens:
        if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < 2**31:
            raise _wrong(place, "must hold token ids: whole numbers, not negative")
    return tuple(tokens)


def _wrong(place: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{place} {what}", param=place)

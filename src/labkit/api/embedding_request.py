"""From the body of an embeddings or rerank request to what a worker is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.api.generation_request import validated
from labkit.api.prompt_shapes import texts_or_tokens
from labkit.api.schemas.embedding import MAX_INPUTS, EmbeddingBody, RerankBody
from labkit.api.schemas.fields import ignored_fields, refuse_ignored
from labkit.worker.messages import Embed, Rerank

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
    parsed = validated(EmbeddingBody, body)
    embed = Embed(
        request_id,
        inputs=texts_or_tokens(body.get("input"), "input", MAX_INPUTS),
        dimensions=parsed.dimensions,
        normalize=parsed.normalize is not False,
    )
    return EmbeddingCall(parsed.model, embed, parsed.encoding_format == "base64", ignored)


def parse_rerank_call(body: dict[str, Any], request_id: str, *, strict: bool = False) -> RerankCall:
    """The call in a JSON object. Raises InvalidRequestError with `param` for the first field that is wrong."""
    ignored = _ignored(body, _RERANK_FIELDS, strict)
    parsed = validated(RerankBody, body)
    documents = tuple(one if isinstance(one, str) else one.text for one in parsed.documents)
    return RerankCall(
        parsed.model,
        Rerank(request_id, parsed.query, documents),
        top_n=min(parsed.top_n or len(documents), len(documents)),
        return_documents=bool(parsed.return_documents),
        ignored=ignored,
    )


def _ignored(body: Mapping[str, Any], treated: frozenset[str], strict: bool) -> tuple[str, ...]:
    ignored = ignored_fields(body, treated)
    if strict:
        refuse_ignored(ignored)
    return ignored

"""The bodies of POST /v1/embeddings and /v1/rerank: the fields that are honoured, with their bounds."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_INPUTS = 2048
MAX_DOCUMENTS = 2048
_INT32 = 2**31 - 1

Text = Annotated[str, Field(min_length=1)]


class _Body(BaseModel):
    """Numbers are numbers: "512" in quotes is refused."""

    model_config = ConfigDict(strict=True, extra="ignore")


class EmbeddingBody(_Body):
    """Every field of an embeddings request that is honoured; `input` is read where its four shapes are told apart."""

    model: Text
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=_INT32)] | None = None
    normalize: bool | None = None


class Document(_Body):
    """A document as an object, as Jina's clients may send it."""

    text: Text


class RerankBody(_Body):
    """Every field of a rerank request that is honoured."""

    model: Text
    query: Text
    documents: Annotated[list[Text | Document], Field(min_length=1, max_length=MAX_DOCUMENTS)]
    top_n: Annotated[int, Field(ge=1, le=_INT32)] | None = None
    return_documents: bool | None = None

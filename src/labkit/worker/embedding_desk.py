"""The part of a worker that answers Embed and Rerank: from texts to token ids, from vectors to messages."""

from collections.abc import Callable
from typing import Protocol

from labkit.engine.embedder import Embedder, EmbedderStats
from labkit.engine.native.embedding_backend import NativeEmbeddingBackend
from labkit.engine.native.rerank import RerankPrompt
from labkit.engine.types import EmbeddingEvent, EmbeddingRequest
from labkit.errors import InvalidRequestError, LabkitError, NativeError
from labkit.worker.messages import Capability, Embed, Embedded, Rerank
from labkit.worker.wire import describe_error

Put = Callable[[Embedded], None]


class Desk(Protocol):
    """Whoever answers Embed and Rerank in a worker."""

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """What can be asked of it."""
        ...

    @property
    def vector_size(self) -> int | None:
        """Numbers of one embedding, None where it gives none."""
        ...

    def start(self) -> None:
        """Be ready for the first request."""
        ...

    def accept(self, message: Embed | Rerank) -> None:
        """Start answering. What is wrong with the request comes as its one Embedded."""
        ...

    def cancel(self, request_id: str) -> None:
        """Stop a request; unknown ids are ignored."""
        ...

    def close(self) -> None:
        """Cancel every request, and free the context; the model is still its owner's."""
        ...


class ClosedDesk:
    """Refuses: the model was loaded to chat."""

    capabilities: tuple[Capability, ...] = ()
    vector_size: int | None = None

    def __init__(self, put: Put) -> None:
        self._put = put

    def start(self) -> None:
        """Nothing to do."""

    def accept(self, message: Embed | Rerank) -> None:
        """See Desk.accept."""
        if isinstance(message, Rerank):
            error = _no_rank_head()
        else:
            error = InvalidRequestError(
                "this model is served to chat, not for embeddings",
                param="model",
                hint="serve an embedding model, or this one with: labkit serve MODEL --embeddings",
            )
        self._put(Embedded(message.request_id, error=describe_error(error)))

    def cancel(self, request_id: str) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing to free."""


class EmbeddingDesk:
    """Answers with an embedder of its own. `put` must be safe to call from several threads."""

    def __init__(self, backend: NativeEmbeddingBackend, put: Put, *, max_waiting: int) -> None:
        self._backend = backend
        self._put = put
        self._ranks = backend.context.pooling == "rank"
        self._prompt = RerankPrompt(backend.model) if self._ranks else None
        self._embedder = Embedder(backend, self._on_step, max_waiting=max_waiting)
        self.capabilities: tuple[Capability, ...] = ("rerank",) if self._ranks else ("embeddings",)
        self.vector_size: int | None = None if self._ranks else backend.size

    def start(self) -> None:
        """Start the embedder; returns when it is prepared."""
        self._embedder.start()

    def accept(self, message: Embed | Rerank) -> None:
        """See Desk.accept."""
        try:
            request = self._embed(message) if isinstance(message, Embed) else self._rerank(message)
        except LabkitError as error:
            self._put(Embedded(message.request_id, error=describe_error(error)))
            return
        self._embedder.submit(request)

    def cancel(self, request_id: str) -> None:
        """See Desk.cancel."""
        self._embedder.cancel(request_id)

    def close(self) -> None:
        """See Desk.close."""
        self._embedder.shutdown(timeout_seconds=10)
        if not self._embedder.is_alive:
            self._backend.release()

    @property
    def is_alive(self) -> bool:
        """Whether the embedder's loop still runs."""
        return self._embedder.is_alive

    def stats(self) -> EmbedderStats:
        """What runs and waits."""
        return self._embedder.stats()

    def _embed(self, message: Embed) -> EmbeddingRequest:
        if self._ranks:
            raise InvalidRequestError(
                "this model ranks documents, it gives no embeddings",
                param="model",
                hint="send it to POST /v1/rerank, or serve an embedding model",
            )
        if self._backend.context.pooling == "none":
            raise InvalidRequestError(
                "this model is served without pooling: it gives a vector for each token, not for each input",
                param="model",
                hint="serve it with --pooling mean, cls or last",
            )
        return EmbeddingRequest(
            message.request_id,
            tuple(self._tokens(one) for one in message.inputs),
            dimensions=message.dimensions,
            normalize=message.normalize,
        )

    def _tokens(self, one: str | tuple[int, ...]) -> tuple[int, ...]:
        if not isinstance(one, str):
            return one
        # Markers in the text are read as tokens: some models want theirs at the end, and the text is the client's own.
        return tuple(self._backend.model.tokenize(one, add_special=True))

    def _rerank(self, message: Rerank) -> EmbeddingRequest:
        if self._prompt is None:
            raise _no_rank_head()
        pairs = tuple(tuple(self._prompt.tokens(message.query, document)) for document in message.documents)
        return EmbeddingRequest(message.request_id, pairs, normalize=False, param="documents")

    def _on_step(self, events: list[EmbeddingEvent]) -> None:
        for event in events:
            self._put(_message(event))


def _message(event: EmbeddingEvent) -> Embedded:
    if event.error is not None:
        known = event.error if isinstance(event.error, LabkitError) else NativeError("the embedder failed")
        return Embedded(event.request_id, error=describe_error(known))
    return Embedded(
        event.request_id,
        indexes=tuple(index for index, _ in event.vectors),
        vectors=tuple(vector.astype("<f4", copy=False).tobytes() for _, vector in event.vectors),
        finish_reason=event.finish_reason,
        usage=event.usage,
        timings=event.timings,
    )


def _no_rank_head() -> InvalidRequestError:
    return InvalidRequestError(
        "this model has no head that ranks, and similarity of embeddings is not a rerank score",
        param="model",
        hint="serve a model made for reranking",
    )

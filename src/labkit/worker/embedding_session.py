"""The life of a worker whose model only gives embeddings or ranks: no engine, and no word of chat."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from labkit.engine.native.embedding_backend import NativeEmbeddingBackend
from labkit.errors import InvalidRequestError
from labkit.worker.answers import Answers
from labkit.worker.embedding_desk import EmbeddingDesk
from labkit.worker.messages import Delta, Embed, Generate, Generation, Pulse, Question, Ready, Rerank, Step
from labkit.worker.outbox import Outbox
from labkit.worker.standstill import SHOWS_NODES_SECONDS, SHOWS_STEPS_SECONDS, Standstill
from labkit.worker.wire import describe_error

PULSE_SECONDS = 1.0


class EmbeddingSession:
    """One loaded embedding or rerank model answering requests; spoken to as a Session is."""

    def __init__(self, backend: NativeEmbeddingBackend, desk: EmbeddingDesk, outbox: Outbox, *, pid: int) -> None:
        self._backend = backend
        self._desk = desk
        self._outbox = outbox
        self._pid = pid
        self._answers = Answers(backend.model, outbox.put)

    def start(self, adapters: Mapping[str, Path]) -> None:
        """Start the embedder and announce the model. Raises InvalidRequestError when there are adapters."""
        if adapters:
            raise InvalidRequestError("an embedding model takes no adapters", param="adapter")
        self._desk.start()
        self._answers.start()
        self._outbox.put(self._ready())
        threading.Thread(target=self._beat, name="labkit-pulse", daemon=True).start()

    def generate(self, message: Generation) -> None:
        """Refuse, with the way to go."""
        ranks = "rerank" in self._desk.capabilities
        gives = "ranks documents" if ranks else "gives embeddings"
        error = InvalidRequestError(
            f"this model {gives}, it cannot {'chat' if isinstance(message, Generate) else 'write'}",
            param="model",
            hint=f"send it to POST /v1/{'rerank' if ranks else 'embeddings'}, or serve a chat model beside it",
        )
        self._outbox.put(Step((Delta(message.request_id, error=describe_error(error)),)))

    def ask(self, question: Question) -> None:
        """Answer a question about its tokens. What is wrong with it comes as its answer."""
        self._answers.accept(question)

    def embed(self, message: Embed | Rerank) -> None:
        """Start answering. What is wrong with the request comes as its one Embedded."""
        self._desk.accept(message)

    def cancel(self, request_id: str) -> None:
        """Stop a request; unknown ids are ignored."""
        self._desk.cancel(request_id)

    def close(self) -> None:
        """Cancel every request, tell the front so, and free the model."""
        self._desk.close()
        self._answers.close()
        self._outbox.close()
        if not self._desk.is_alive:
            self._backend.model.close()

    @property
    def is_alive(self) -> bool:
        """Whether the embedder's loop still runs."""
        return self._desk.is_alive

    def _ready(self) -> Ready:
        backend, model = self._backend, self._backend.model
        return Ready(
            description=model.description,
            context_tokens=backend.sequence_tokens,
            trained_context_tokens=model.trained_context_tokens,
            num_slots=backend.max_inputs,
            num_threads=backend.num_threads,
            vocab_size=model.vocab_size,
            model_bytes=model.weight_bytes,
            num_parameters=model.num_parameters,
            has_chat_template=False,
            pid=self._pid,
            capabilities=self._desk.capabilities,
            vector_size=self._desk.vector_size,
        )

    def _beat(self) -> None:
        backend = self._backend
        standstill = Standstill(SHOWS_STEPS_SECONDS if backend.num_nodes is None else SHOWS_NODES_SECONDS)
        while self._desk.is_alive:
            stats = self._desk.stats()
            progress = stats.last_step, backend.num_nodes
            age = standstill.look(progress, is_busy=stats.num_running > 0, now=time.monotonic())
            self._outbox.put(Pulse(stats.num_running, 0, age, is_stuck=standstill.is_stuck))
            time.sleep(PULSE_SECONDS)

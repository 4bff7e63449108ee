"""The worker's life after loading: requests in, deltas out, a pulse every second."""

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from labkit.engine.assemble import AssembledEngine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import Constraint, EngineConfig, GenerationRequest, TokenEvent
from labkit.errors import LabkitError
from labkit.worker.answers import Answers
from labkit.worker.completions import completion_requests
from labkit.worker.conversation import Choice, Conversation
from labkit.worker.embedding_desk import Desk
from labkit.worker.logprobs import Echo, HeldLogprobs
from labkit.worker.messages import (
    Capability,
    Complete,
    Delta,
    Embed,
    Generation,
    Pulse,
    Question,
    Ready,
    Rerank,
    Step,
)
from labkit.worker.outbox import Outbox
from labkit.worker.reports import Account
from labkit.worker.requests import Built, Requests
from labkit.worker.standstill import SHOWS_NODES_SECONDS, SHOWS_STEPS_SECONDS, Standstill
from labkit.worker.wire import describe_error

logger = logging.getLogger(__name__)

PULSE_SECONDS = 1.0
_COMPILERS = 2
"""Requests whose constraints are compiled at once; the others of this kind wait."""


class Session:
    """One loaded model answering requests."""

    def __init__(self, backend: NativeBackend, outbox: Outbox, config: EngineConfig, *, pid: int, desk: Desk) -> None:
        """Prepare the chat template. Raises InvalidModelFileError when it does not compile.

        `desk` answers what is not chat; it is the session's from here on.
        """
        self._backend = backend
        self._outbox = outbox
        self._pid = pid
        self._desk = desk
        self._requests = Requests(backend.model)
        self._answers = Answers(
            backend.model, outbox.put, render=self._requests.rendered, chat_format=self._requests.chat_format
        )
        # Written by the thread that reads requests, and by the outbox's when they end: one dict operation each.
        self._choices: dict[str, Choice] = {}
        self._engine_ids: dict[str, tuple[str, ...]] = {}
        # Whoever takes a request out of here submits it or ends it, under the lock: a cancel must come after.
        self._handing_over = threading.Lock()
        self._compiling: dict[str, list[GenerationRequest]] = {}
        self._compilers = ThreadPoolExecutor(_COMPILERS, thread_name_prefix="labkit-compile")
        outbox.translate = self.deltas
        self._engine = AssembledEngine(backend, outbox.put, config)

    def start(self, adapters: Mapping[str, Path]) -> None:
        """Start the engine, load the adapters and announce the model. Raises what loading an adapter raises."""
        self._engine.start()
        self._desk.start()
        self._answers.start()
        for name, path in adapters.items():
            self._engine.load_adapter(name, path)
        self._outbox.put(self._ready(tuple(adapters)))
        threading.Thread(target=self._beat, name="labkit-pulse", daemon=True).start()

    def generate(self, message: Generation) -> None:
        """Start answering. What is wrong with the request comes as its one delta."""
        try:
            built = self._build(message)
        except LabkitError as error:
            self._outbox.put(Step((Delta(message.request_id, error=describe_error(error)),)))
            return
        requests = built.requests
        conversation = Conversation(message.request_id, len(requests), len(requests[0].prompt))
        self._engine_ids[message.request_id] = tuple(request.request_id for request in requests)
        for index, request in enumerate(requests):
            self._choices[request.request_id] = self._choice(message, conversation, index, built)
        if requests[0].constraint is None:
            self._submit(requests)
        else:
            self._compiling[message.request_id] = requests
            self._compilers.submit(self._compile, message.request_id, requests[0].constraint)

    def ask(self, question: Question) -> None:
        """Answer a question. What is wrong with it comes as its answer."""
        self._answers.accept(question)

    def embed(self, message: Embed | Rerank) -> None:
        """Start answering. What is wrong with the request comes as its one Embedded."""
        self._desk.accept(message)

    def cancel(self, request_id: str) -> None:
        """Stop a request with all of its choices; unknown ids are ignored."""
        self._desk.cancel(request_id)
        self._hand_over(request_id)  # so that the engine ends it, like any other
        for engine_id in self._engine_ids.get(request_id, ()):
            self._engine.cancel(engine_id)

    def close(self) -> None:
        """Cancel every request, tell the front so, and free the model."""
        self._desk.close()
        self._answers.close()
        self._compilers.shutdown(cancel_futures=True)
        for request_id in list(self._compiling):
            self._hand_over(request_id)
        self._engine.shutdown(timeout_seconds=10)
        self._requests.close()
        self._outbox.close()
        self._engine.release()

    @property
    def is_alive(self) -> bool:
        """Whether the engine's loop still runs."""
        return self._engine.is_alive

    def deltas(self, events: list[TokenEvent]) -> list[Delta]:
        """What a step's events mean for clients. Called by the outbox, in the order of the steps."""
        deltas: list[Delta] = []
        for event in events:
            choice = self._choices[event.request_id]
            delta = choice.delta(event)
            if event.is_last:
                del self._choices[event.request_id]
            if delta is None:
                continue
            deltas.append(delta)
            if delta.is_last:
                others = self._engine_ids.pop(delta.request_id)
                if delta.error is not None and len(others) > 1:
                    self._cancel_rest(others)
        return deltas

    def _build(self, message: Generation) -> Built:
        if isinstance(message, Complete):
            return Built(
                completion_requests(self._backend.model, message, context_tokens=self._backend.sequence_tokens)
            )
        return self._requests.build(message)

    def _choice(self, message: Generation, conversation: Conversation, index: int, built: Built) -> Choice:
        model, request = self._backend.model, built.requests[index]
        echo = Echo(model, message, request.prompt) if isinstance(message, Complete) and message.echo else None
        piece = partial(model.piece, with_control=request.show_control)
        name = partial(model.piece, with_control=True) if isinstance(message, Complete) else None
        logprobs = None if request.logprobs is None else HeldLogprobs(piece, name)
        chat_format = "" if isinstance(message, Complete) else self._requests.chat_format
        account = Account(model, message, request, chat_format=chat_format)
        return Choice(conversation, built.reader(), index, logprobs, echo, account)

    def _submit(self, requests: list[GenerationRequest]) -> None:
        for request in requests:
            self._engine.submit(request)

    def _compile(self, request_id: str, constraint: Constraint) -> None:
        """Off the engine's loop, which would keep every stream waiting, and off the thread that reads messages."""
        started = time.monotonic()
        try:
            self._backend.compile_constraint(constraint)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request must end with it
            with self._handing_over:
                requests = self._compiling.pop(request_id, [])
            self._outbox.put([TokenEvent(request.request_id, error=error) for request in requests])
        else:
            if (choice := self._any_choice(request_id)) is not None:
                choice.conversation.constraint_seconds = time.monotonic() - started
            self._hand_over(request_id)

    def _any_choice(self, request_id: str) -> Choice | None:
        """One that is not over; all of them know of the conversation."""
        choices = (self._choices.get(engine_id) for engine_id in self._engine_ids.get(request_id, ()))
        return next((choice for choice in choices if choice is not None), None)

    def _hand_over(self, request_id: str) -> None:
        with self._handing_over:
            self._submit(self._compiling.pop(request_id, []))

    def _cancel_rest(self, engine_ids: tuple[str, ...]) -> None:
        """One choice failed, and the request with it: the others need not go on."""
        for engine_id in engine_ids:
            self._engine.cancel(engine_id)

    def _ready(self, adapters: tuple[str, ...]) -> Ready:
        backend, model = self._backend, self._backend.model
        return Ready(
            description=model.description,
            context_tokens=backend.sequence_tokens,
            trained_context_tokens=model.trained_context_tokens,
            num_slots=backend.max_running,
            num_threads=backend.context.num_threads,
            vocab_size=model.vocab_size,
            model_bytes=model.weight_bytes,
            num_parameters=model.num_parameters,
            has_chat_template=self._requests.has_template,
            pid=self._pid,
            adapters=adapters,
            capabilities=(*self._written, *self._desk.capabilities),
            vector_size=self._desk.vector_size,
            chat_format=self._requests.chat_format,
        )

    @property
    def _written(self) -> tuple[Capability, ...]:
        """What kinds of text it gives."""
        return ("chat", "completions") if self._requests.has_template else ("completions",)

    def _beat(self) -> None:
        backend = self._backend
        standstill = Standstill(SHOWS_STEPS_SECONDS if backend.num_nodes is None else SHOWS_NODES_SECONDS)
        while self._engine.is_alive:
            stats = self._engine.stats()
            is_busy = stats.num_running + stats.num_waiting > 0
            age = standstill.look((stats.last_step, backend.num_nodes), is_busy=is_busy, now=time.monotonic())
            single, many = self._backend.threads.chosen
            figures = asdict(stats) | {"num_threads": single, "num_threads_prefill": many}
            self._outbox.put(Pulse(stats.num_running, stats.num_waiting, age, figures, standstill.is_stuck))
            time.sleep(PULSE_SECONDS)

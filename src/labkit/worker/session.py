"""The worker's life after loading: requests in, deltas out, a pulse every second."""

import logging
import threading
import time
from collections.abc import Callable

from labkit.chat import ChatTemplate, build_constraint, parser_for_template
from labkit.chat.constraints import CALL_END, CALL_START
from labkit.engine.engine import Engine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.types import GenerationRequest, TokenEvent
from labkit.errors import InvalidRequestError, LabkitError
from labkit.worker.conversation import Conversation
from labkit.worker.messages import Delta, FromWorker, Generate, Pulse, Ready, Step
from labkit.worker.wire import describe_error

logger = logging.getLogger(__name__)

Send = Callable[[FromWorker], None]
PULSE_SECONDS = 1.0


class Session:
    """One loaded model answering requests. `send` must be safe to call from several threads."""

    def __init__(self, backend: NativeBackend, send: Send, *, max_waiting: int, pid: int) -> None:
        """Prepare the chat template. Raises InvalidModelFileError when it does not compile."""
        model = backend.model
        source = model.chat_template
        self._backend = backend
        self._send = send
        self._pid = pid
        self._template = (
            ChatTemplate(source, bos=model.token_text(model.bos), eos=model.token_text(model.eos)) if source else None
        )
        self._markers_are_tokens = all(self._is_one_token(marker) for marker in (CALL_START, CALL_END))
        self._conversations: dict[str, Conversation] = {}
        self._engine = Engine(backend, self._on_step, max_waiting=max_waiting)

    def start(self) -> None:
        """Start the engine and announce the model."""
        self._engine.start()
        self._send(self._ready())
        threading.Thread(target=self._beat, name="labkit-pulse", daemon=True).start()

    def generate(self, message: Generate) -> None:
        """Start answering. What is wrong with the request comes as its one delta."""
        try:
            request = self._request(message)
        except LabkitError as error:
            self._send(Step((Delta(message.request_id, error=describe_error(error)),)))
            return
        parser = parser_for_template(
            self._template.source if self._template else None,
            has_tools=bool(message.tools) and message.tool_choice != "none",
        )
        self._conversations[message.request_id] = Conversation(message.request_id, parser)
        self._engine.submit(request)

    def cancel(self, request_id: str) -> None:
        """Stop a request; unknown ids are ignored."""
        self._engine.cancel(request_id)

    def close(self) -> None:
        """Cancel every request, tell the front so, and free the model."""
        self._engine.shutdown(timeout_seconds=10)
        if not self._engine.is_alive:
            self._backend.release()

    @property
    def is_alive(self) -> bool:
        """Whether the engine's loop still runs."""
        return self._engine.is_alive

    def _request(self, message: Generate) -> GenerationRequest:
        model = self._backend.model
        if self._template is None:
            raise InvalidRequestError("this model has no chat template", hint="serve an instruction-tuned model")
        tools = message.tools if message.tool_choice != "none" else ()
        prompt = self._template.render(message.messages, tools)
        tokens = model.tokenize(prompt)
        if model.adds_bos and tokens[:1] != [model.bos]:
            tokens.insert(0, model.bos)
        constraint = build_constraint(
            tools=message.tools,
            tool_choice=message.tool_choice,
            parallel_tool_calls=message.parallel_tool_calls,
            response_schema=message.response_schema,
            markers_are_tokens=self._markers_are_tokens,
        )
        one_call = (CALL_END,) if tools and not message.parallel_tool_calls and constraint is None else ()
        return GenerationRequest(
            request_id=message.request_id,
            prompt=tuple(tokens),
            sampling=message.sampling.over(model.sampling_defaults),
            max_tokens=message.max_tokens,
            stop=message.stop + one_call,
            constraint=constraint,
            ignore_eos=message.ignore_eos,
        )

    def _on_step(self, events: list[TokenEvent]) -> None:
        deltas = tuple(self._conversations[event.request_id].delta(event) for event in events)
        for event in events:
            if event.is_last:
                self._conversations.pop(event.request_id, None)
        self._send(Step(deltas))

    def _ready(self) -> Ready:
        backend, model = self._backend, self._backend.model
        return Ready(
            description=model.description,
            context_tokens=backend.sequence_tokens,
            trained_context_tokens=model.trained_context_tokens,
            num_slots=backend.num_slots,
            num_threads=backend.context.num_threads,
            vocab_size=model.vocab_size,
            model_bytes=model.weight_bytes,
            num_parameters=model.num_parameters,
            has_chat_template=self._template is not None,
            pid=self._pid,
        )

    def _beat(self) -> None:
        while self._engine.is_alive:
            stats = self._engine.stats()
            age = time.monotonic() - stats.last_step if stats.num_running else 0.0
            self._send(Pulse(stats.num_running, stats.num_waiting, age))
            time.sleep(PULSE_SECONDS)

    def _is_one_token(self, text: str) -> bool:
        tokens = self._backend.model.tokenize(text)
        return len(tokens) == 1 and self._backend.model.is_marker(tokens[0])

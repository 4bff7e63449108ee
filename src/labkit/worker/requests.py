"""From a conversation to what the engine is asked: template, tokens, constraint, one request for each choice."""

from collections.abc import Callable
from dataclasses import dataclass

from labkit.chat import Demand, ModelChat, PlainReader, Reader, Talk, TemplateRenderer
from labkit.engine.native.model import NativeModel
from labkit.engine.native.tokenizer import marker_text, prompt_tokens
from labkit.engine.types import GenerationRequest
from labkit.errors import InvalidRequestError
from labkit.worker.choices import engine_requests
from labkit.worker.messages import Generate
from labkit.worker.questions import Render


@dataclass(frozen=True, slots=True)
class Built:
    """What a message asks of the engine: a request for each choice, and a fresh reader for the text of each."""

    requests: list[GenerationRequest]
    reader: Callable[[], Reader] = PlainReader


class Requests:
    """What one model makes of messages: `build` from the thread that reads them, `rendered` from any."""

    def __init__(self, model: NativeModel) -> None:
        """Prepare the chat template. Raises InvalidModelFileError when it does not compile."""
        self._model = model
        self._chat = _chat(model)
        self._shows_control = self._chat is not None and self._has_hidden(self._chat.format.all_markers)

    @property
    def has_template(self) -> bool:
        """Whether the model can chat at all."""
        return self._chat is not None

    @property
    def chat_format(self) -> str:
        """The family that reads the model's answers; "" when it cannot chat."""
        return self._chat.format.name if self._chat is not None else ""

    def close(self) -> None:
        """End the process that renders the template."""
        if self._chat is not None:
            self._chat.close()

    def build(self, message: Generate) -> Built:
        """One request for each choice, all with one prompt. Raises InvalidRequestError."""
        tools = message.tools if message.tool_choice != "none" else ()
        talk = Talk(
            messages=message.messages,
            tools=tools,
            reasoning_effort=message.reasoning_effort,
            template_arguments=message.template_arguments,
            continue_final=message.continue_final,
            add_generation_prompt=not message.continue_final,
        )
        demand = Demand(
            tools=tools,
            tool_choice=message.tool_choice,
            parallel_tool_calls=message.parallel_tool_calls,
            response_schema=message.response_schema,
            given=message.constraint,
        )
        plan = self._chat_or_refuse().plan(talk, demand)
        requests = engine_requests(
            message,
            self.tokens(plan.prompt),
            self._model.sampling_defaults,
            stop=(*message.stop, *plan.stops),
            constraint=plan.constraint,
            show_control=self._shows_control and plan.reads_markers,
        )
        return Built(requests, plan.reader)

    def rendered(self, question: Render) -> tuple[str, int]:
        """The prompt of a conversation, and its tokens as `build` counts them. Raises InvalidRequestError."""
        prompt = self._chat_or_refuse().prompt(
            Talk(
                messages=question.messages,
                tools=question.tools,
                reasoning_effort=question.reasoning_effort,
                template_arguments=question.template_arguments,
                continue_final=question.continue_final,
                add_generation_prompt=question.add_generation_prompt,
            )
        )
        return prompt, len(self.tokens(prompt))

    def tokens(self, prompt: str) -> tuple[int, ...]:
        """Tokens of a rendered prompt: markers are read as tokens, and BOS comes first where the model wants it."""
        return prompt_tokens(self._model, prompt)

    def _chat_or_refuse(self) -> ModelChat:
        if self._chat is None:
            raise InvalidRequestError(
                "this model has no chat template",
                param="model",
                hint="serve an instruction-tuned model, or POST /v1/completions",
            )
        return self._chat

    def _has_hidden(self, markers: tuple[str, ...]) -> bool:
        """Whether one of `markers` is a control token, which is no part of the text unless it is asked for."""
        model = self._model
        parts = [part for marker in markers for part in spelled(model, marker)]
        return any(isinstance(part, int) and not model.piece(part) for part in parts)


def spelled(model: NativeModel, text: str) -> list[str | int]:
    """`text` as the vocabulary has it: ids of its markers, and the text between them."""
    parts: list[str | int] = []
    pending = b""
    for token in model.tokenize(text):
        if not model.is_marker(token):
            pending += model.piece(token)
            continue
        if pending:
            parts.append(pending.decode(errors="replace"))
            pending = b""
        parts.append(token)
    if not any(isinstance(part, int) for part in parts):
        return [text] if text else []  # as it is: some vocabularies put a space before a text
    return [*parts, pending.decode(errors="replace")] if pending else parts


def _chat(model: NativeModel) -> ModelChat | None:
    source = model.chat_template
    if not source:
        return None
    renderer = TemplateRenderer()
    try:
        renderer.compile(source, bos=marker_text(model, model.bos), eos=marker_text(model, model.eos))
        return ModelChat(renderer, lambda text: spelled(model, text))
    except Exception:
        renderer.close()
        raise

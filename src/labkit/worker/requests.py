"""From a conversation to what the engine is asked: template, tokens, constraint, one request for each choice."""

import threading
from typing import Any

from labkit.chat import TemplateRenderer, ToolParser, build_constraint, parser_for_template
from labkit.chat.constraints import CALL_END, CALL_START
from labkit.engine.native.model import NativeModel
from labkit.engine.native.tokenizer import prompt_tokens
from labkit.engine.types import Constraint, GenerationRequest
from labkit.errors import InvalidRequestError
from labkit.worker.choices import engine_requests
from labkit.worker.messages import Generate
from labkit.worker.questions import Render


class Requests:
    """What one model makes of messages: `build` from the thread that reads them, `rendered` from any."""

    def __init__(self, model: NativeModel) -> None:
        """Prepare the chat template. Raises InvalidModelFileError when it does not compile."""
        self._model = model
        self._template = _renderer(model)
        self._rendering = threading.Lock()  # of the template: messages and questions are read by two threads
        self._markers_are_tokens = all(self._is_one_token(marker) for marker in (CALL_START, CALL_END))

    @property
    def has_template(self) -> bool:
        """Whether the model can chat at all."""
        return self._template is not None

    def close(self) -> None:
        """End the process that renders the template."""
        if self._template is not None:
            self._template.close()

    def build(self, message: Generate) -> list[GenerationRequest]:
        """One request for each choice, all with one prompt. Raises InvalidRequestError."""
        tools = message.tools if message.tool_choice != "none" else ()
        constraint = self._constraint(message)
        one_call = (CALL_END,) if tools and not message.parallel_tool_calls and constraint is None else ()
        return engine_requests(
            message,
            self.tokens(self._rendered(message.messages, tools)),
            self._model.sampling_defaults,
            stop=message.stop + one_call,
            constraint=constraint,
        )

    def rendered(self, question: Render) -> tuple[str, int]:
        """The prompt of a conversation, and its tokens as `build` counts them. Raises InvalidRequestError."""
        prompt = self._rendered(question.messages, question.tools, add_generation_prompt=question.add_generation_prompt)
        return prompt, len(self.tokens(prompt))

    def parser(self, message: Generate) -> ToolParser:
        """A fresh parser for the text of one choice."""
        return parser_for_template(
            self._template.source if self._template else None,
            has_tools=bool(message.tools) and message.tool_choice != "none",
        )

    def tokens(self, prompt: str) -> tuple[int, ...]:
        """Tokens of a rendered prompt: markers are read as tokens, and BOS comes first where the model wants it."""
        return prompt_tokens(self._model, prompt)

    def _rendered(
        self,
        messages: tuple[dict[str, Any], ...],
        tools: tuple[dict[str, Any], ...],
        *,
        add_generation_prompt: bool = True,
    ) -> str:
        if self._template is None:
            raise InvalidRequestError(
                "this model has no chat template",
                param="model",
                hint="serve an instruction-tuned model, or POST /v1/completions",
            )
        with self._rendering:
            return self._template.render(messages, tools, add_generation_prompt=add_generation_prompt)

    def _constraint(self, message: Generate) -> Constraint | None:
        by_format = build_constraint(
            tools=message.tools,
            tool_choice=message.tool_choice,
            parallel_tool_calls=message.parallel_tool_calls,
            response_schema=message.response_schema,
            markers_are_tokens=self._markers_are_tokens,
        )
        if message.constraint is not None and by_format is not None:
            given = message.constraint.param
            raise InvalidRequestError(f"{given} and {by_format.param} cannot both be honoured", param=given)
        return message.constraint or by_format

    def _is_one_token(self, text: str) -> bool:
        tokens = self._model.tokenize(text)
        return len(tokens) == 1 and self._model.is_marker(tokens[0])


def _renderer(model: NativeModel) -> TemplateRenderer | None:
    source = model.chat_template
    if not source:
        return None
    renderer = TemplateRenderer()
    try:
        renderer.compile(source, bos=model.token_text(model.bos), eos=model.token_text(model.eos))
    except Exception:
        renderer.close()
        raise
    return renderer

"""From a conversation to what the engine is asked: template, tokens, constraint, one request for each choice."""

from dataclasses import replace

from labkit.chat import TemplateRenderer, ToolParser, build_constraint, parser_for_template
from labkit.chat.constraints import CALL_END, CALL_START
from labkit.engine.native.model import NativeModel
from labkit.engine.types import Constraint, GenerationRequest, SamplingParams
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Generate


class Requests:
    """What one model makes of messages. Used from the thread that reads them."""

    def __init__(self, model: NativeModel) -> None:
        """Prepare the chat template. Raises InvalidModelFileError when it does not compile."""
        self._model = model
        self._template = _renderer(model)
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
        if self._template is None:
            raise InvalidRequestError("this model has no chat template", hint="serve an instruction-tuned model")
        tools = message.tools if message.tool_choice != "none" else ()
        constraint = self._constraint(message)
        one_call = (CALL_END,) if tools and not message.parallel_tool_calls and constraint is None else ()
        request = GenerationRequest(
            request_id=message.request_id,
            prompt=self._tokens(self._template.render(message.messages, tools)),
            sampling=message.sampling.over(self._model.sampling_defaults),
            max_tokens=message.max_tokens,
            stop=message.stop + one_call,
            constraint=constraint,
            ignore_eos=message.ignore_eos,
            logprobs=message.logprobs,
            adapters=message.adapters,
            lane=message.lane,
            reuse=message.reuse,
        )
        if message.num_choices == 1:
            return [request]
        return [
            replace(request, request_id=f"{request.request_id}#{k}", sampling=_seeded(request.sampling, k))
            for k in range(message.num_choices)
        ]

    def parser(self, message: Generate) -> ToolParser:
        """A fresh parser for the text of one choice."""
        return parser_for_template(
            self._template.source if self._template else None,
            has_tools=bool(message.tools) and message.tool_choice != "none",
        )

    def _tokens(self, prompt: str) -> tuple[int, ...]:
        model = self._model
        tokens = model.tokenize(prompt)
        if model.adds_bos and tokens[:1] != [model.bos]:
            tokens.insert(0, model.bos)
        return tuple(tokens)

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


def _seeded(sampling: SamplingParams, choice: int) -> SamplingParams:
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + choice)

"""From the bodies of Ollama's API to what a worker is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from labkit.api.asking import Call
from labkit.api.backend import ModelCard
from labkit.api.constraint_request import Language
from labkit.api.generation_request import num_logprobs, stop_texts, validated
from labkit.api.ollama.conversation import plain_messages, plain_tools
from labkit.api.ollama.durations import keep_alive_seconds
from labkit.api.ollama.names import find_card
from labkit.api.ollama.options import check_context, ignored_names, max_tokens, refuse_fields, sampling
from labkit.api.schemas.fields import refuse_ignored
from labkit.api.schemas.ollama import (
    ChatBody,
    EmbedBody,
    EmbeddingsBody,
    GenerateBody,
    Options,
    ShowBody,
    Think,
)
from labkit.errors import InvalidRequestError
from labkit.worker.messages import Complete, Generate, Generation, ReasoningEffort

_Body = TypeVar("_Body", bound=BaseModel)
_EFFORTS: dict[bool, ReasoningEffort] = {False: "none", True: "medium"}
_SAID_ELSEWHERE = frozenset({"model", "messages", "prompt", "system", "suffix"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What every body of Ollama's says of the model.

    Attributes:
        name: the model's, as the client wrote it; answers repeat it.
        card: the model.
        keep_alive: seconds it stays loaded without a request; None leaves that as it is.
        num_ctx: the context that the client wants.
        ignored: names of what has no effect.
    """

    name: str
    card: ModelCard
    keep_alive: float | None
    num_ctx: int | None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationAsked(Asked):
    """A request for text; `operation` None only loads the model, or unloads it."""

    operation: Generation | None
    stream: bool
    given: dict[str, Any]

    def call(self, operation: Generation) -> Call:
        """What to ask of the backend."""
        return Call(
            model=self.card.name, operation=operation, stream=self.stream, ignored=self.ignored, given=self.given
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedAsked(Asked):
    """A request for vectors of `inputs`; none only load the model."""

    inputs: tuple[str, ...]
    truncate: bool = False
    dimensions: int | None = None


def parse_chat(body: dict[str, Any], cards: Sequence[ModelCard], request_id: str, *, strict: bool) -> GenerationAsked:
    """A body of POST /api/chat. Raises InvalidRequestError with `param`, ModelNotFoundError."""
    _refuse_images(body.get("messages"))
    refuse_fields(body, ChatBody)
    ignored = ignored_names(body, ChatBody)
    parsed = _validated(ChatBody, body, ignored, strict=strict)
    operation = None
    if parsed.messages:
        operation = Generate(
            request_id=request_id,
            messages=plain_messages(parsed.messages),
            tools=plain_tools(parsed.tools or []),
            response_schema=_schema(parsed.format),
            reasoning_effort=_effort(parsed.think),
            **_common(parsed),
        )
    return _generation(parsed, body, cards, operation, ignored)


def parse_generate(
    body: dict[str, Any], cards: Sequence[ModelCard], request_id: str, *, strict: bool
) -> GenerationAsked:
    """A body of POST /api/generate. Raises InvalidRequestError with `param`, ModelNotFoundError."""
    refuse_fields(body, GenerateBody)
    ignored = ignored_names(body, GenerateBody)
    parsed = _validated(GenerateBody, body, ignored, strict=strict)
    card = find_card(parsed.model, cards)
    _check_raw(parsed)
    operation: Generation | None = None
    if parsed.suffix or (parsed.prompt and (parsed.raw or card.chat_template is False)):
        _refuse_beside_plain(parsed, "suffix" if parsed.suffix else "raw" if parsed.raw else "this model")
        schema = _schema(parsed.format)
        operation = Complete(
            request_id=request_id,
            prompt=parsed.prompt or "",
            suffix=parsed.suffix or None,
            constraint=None if schema is None else Language("format", schema).constraint(),
            **_common(parsed),
        )
    elif parsed.prompt:
        system = [{"role": "system", "content": parsed.system}] if parsed.system else []
        operation = Generate(
            request_id=request_id,
            messages=(*system, {"role": "user", "content": parsed.prompt}),
            response_schema=_schema(parsed.format),
            reasoning_effort=_effort(parsed.think),
            **_common(parsed),
        )
    return _generation(parsed, body, cards, operation, ignored)


def parse_embed(body: dict[str, Any], cards: Sequence[ModelCard], *, strict: bool) -> EmbedAsked:
    """A body of POST /api/embed. Raises InvalidRequestError with `param`, ModelNotFoundError."""
    ignored = ignored_names(body, EmbedBody)
    parsed = _validated(EmbedBody, body, ignored, strict=strict)
    one = (parsed.input,) if isinstance(parsed.input, str) else tuple(parsed.input or ())
    return EmbedAsked(
        inputs=one if any(one) else (),
        truncate=bool(parsed.truncate),
        dimensions=parsed.dimensions,
        **_about_model(parsed, cards, ignored),
    )


def parse_embeddings(body: dict[str, Any], cards: Sequence[ModelCard], *, strict: bool) -> EmbedAsked:
    """A body of POST /api/embeddings. Raises InvalidRequestError with `param`, ModelNotFoundError."""
    ignored = ignored_names(body, EmbeddingsBody)
    parsed = _validated(EmbeddingsBody, body, ignored, strict=strict)
    return EmbedAsked(inputs=(parsed.prompt,) if parsed.prompt else (), **_about_model(parsed, cards, ignored))


def parse_show(body: dict[str, Any], cards: Sequence[ModelCard], *, strict: bool) -> Asked:
    """A body of POST /api/show. Raises InvalidRequestError with `param`, ModelNotFoundError."""
    ignored = ignored_names(body, ShowBody)
    parsed = _validated(ShowBody, body, ignored, strict=strict)
    name = parsed.model or parsed.name
    if name is None:
        raise InvalidRequestError("model is missing", param="model", code="missing_required_parameter")
    return Asked(name=name, card=find_card(name, cards), keep_alive=None, num_ctx=None, ignored=ignored)


def _generation(
    parsed: ChatBody | GenerateBody,
    body: dict[str, Any],
    cards: Sequence[ModelCard],
    operation: Generation | None,
    ignored: tuple[str, ...],
) -> GenerationAsked:
    return GenerationAsked(
        operation=operation,
        stream=parsed.stream is not False,
        given={name: body[name] for name in type(parsed).model_fields if name in body and name not in _SAID_ELSEWHERE},
        **_about_model(parsed, cards, ignored),
    )


def _about_model(
    parsed: ChatBody | GenerateBody | EmbedBody | EmbeddingsBody, cards: Sequence[ModelCard], ignored: tuple[str, ...]
) -> dict[str, Any]:
    card = find_card(parsed.model, cards)
    num_ctx = parsed.options.num_ctx if parsed.options else None
    check_context(num_ctx, card)
    return {
        "name": parsed.model,
        "card": card,
        "keep_alive": keep_alive_seconds(parsed.keep_alive),
        "num_ctx": num_ctx,
        "ignored": ignored,
    }


def _common(parsed: ChatBody | GenerateBody) -> dict[str, Any]:
    options = parsed.options or Options()
    return {
        "sampling": sampling(options),
        "max_tokens": max_tokens(options),
        "stop": stop_texts(options.stop, "options.stop"),
        "logprobs": num_logprobs(parsed.logprobs, parsed.top_logprobs),
    }


def _schema(wanted: str | dict[str, Any] | None) -> dict[str, Any] | None:
    if isinstance(wanted, dict):
        return wanted
    return {} if wanted == "json" else None


def _effort(think: Think | None) -> ReasoningEffort | None:
    return _EFFORTS[think] if isinstance(think, bool) else think


def _check_raw(parsed: GenerateBody) -> None:
    if parsed.raw and parsed.suffix:
        raise InvalidRequestError("suffix and raw cannot both be honoured", param="suffix")


def _refuse_beside_plain(parsed: GenerateBody, reason: str) -> None:
    """What only a chat template can honour."""
    for name in ("system", "think"):
        if getattr(parsed, name):
            raise InvalidRequestError(
                f"{reason} uses no chat template, and {name} needs one", param=name, hint=f"leave {name} out"
            )


def _refuse_images(messages: object) -> None:
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("images"):
            raise InvalidRequestError(
                "images are not supported here: models here read text",
                param=f"messages[{index}].images",
                code="unsupported_content",
            )


def _validated(kind: type[_Body], body: dict[str, Any], ignored: tuple[str, ...], *, strict: bool) -> _Body:
    if strict:
        refuse_ignored(ignored)
    return validated(kind, body)

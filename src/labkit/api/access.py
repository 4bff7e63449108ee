"""Keys at the edge of HTTP: who asks is known before the body is read, and what is left of a budget is in headers."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labkit.access.failures import FailureLog
from labkit.access.gate import Gate, Visit, require_model
from labkit.access.keys import ApiKey
from labkit.access.meter import Standing
from labkit.api.accounting import estimated_prompt_tokens, tokens_of
from labkit.api.backend import ChatBackend, ModelCard
from labkit.api.error_responses import refuse
from labkit.api.named_model import card_called
from labkit.api.observation import Observation, Operation
from labkit.errors import AuthenticationError, LabkitError
from labkit.worker.messages import Complete, Generate

# Whoever watches the endpoint need not be trusted with a key; these answer nothing that is worth one.
PUBLIC_PATHS = frozenset({"/health", "/ready"})
MAX_DELAYED = 64  # more answers than this are not held back: waiting must not become the attack
DEFAULT_ANSWER_TOKENS = 256  # set aside for an answer whose length nobody limits
_Operation = TypeVar("_Operation", bound=Operation)


class AccessMiddleware:
    """Pure ASGI: 401 and 429 before the body is read, `x-ratelimit-*` on every answer of a key with a budget."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate
        self._failures = FailureLog()
        self._num_delayed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        observation: Observation = scope["state"]["observation"]
        presented = presented_keys(Headers(scope=scope))
        try:
            key = None if scope["path"] in PUBLIC_PATHS else self._gate.identify(presented)
        except AuthenticationError as error:
            if presented:  # who shows nothing guesses nothing
                await self._hold_back(observation.caller.address)
            await refuse(error, scope, receive, send)
            return
        if key is None:
            await self._app(scope, receive, send)
            return
        tenant = key.effective_tenant
        observation.caller = replace(observation.caller, key_id=key.id, name=key.name, tenant=tenant)
        scope["state"]["key"] = key
        await self._let_in(key, scope, receive, self._counting(send, key) if key.budget.is_limited else send)

    async def _let_in(self, key: ApiKey, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":  # looking costs nothing
            await self._app(scope, receive, send)
            return
        observation: Observation = scope["state"]["observation"]
        try:
            visit = self._gate.enter(key)
        except LabkitError as error:
            await refuse(error, scope, receive, send)
            return
        scope["state"]["visit"] = visit
        try:
            await self._app(scope, receive, send)
        finally:
            used = tokens_of(observation)
            visit.leave(used.prompt_tokens + used.completion_tokens)

    def _counting(self, send: Send, key: ApiKey) -> Send:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(budget_headers(self._gate.standings(key)))
            await send(message)

        return counting

    async def _hold_back(self, address: str) -> None:
        """Answer late where one address fails again and again."""
        delay = self._failures.delay_after_failure(address, time.monotonic())
        if not delay or self._num_delayed >= MAX_DELAYED:
            return
        self._num_delayed += 1
        try:
            await asyncio.sleep(delay)
        finally:
            self._num_delayed -= 1


def presented_keys(headers: Headers) -> list[str]:
    """What a request shows as its key: OpenAI's clients in one header, Anthropic's in another."""
    texts = [text.strip() for text in headers.getlist("x-api-key")]
    for value in headers.getlist("authorization"):
        scheme, _, text = value.partition(" ")
        if scheme.lower() == "bearer":
            texts.append(text.strip())
    return texts


def budget_headers(standings: dict[str, Standing]) -> dict[str, str]:
    """OpenAI's headers: limit, what remains of it, and when all of it is back, for requests and tokens."""
    return {
        f"x-ratelimit-{word}-{what}": text
        for what, standing in standings.items()
        for word, text in (
            ("limit", str(standing.limit)),
            ("remaining", str(standing.remaining)),
            ("reset", _duration(standing.reset_seconds)),
        )
    }


def admit(request: Request, model: str, operations: Sequence[_Operation]) -> tuple[_Operation, ...]:
    """What is asked, as its caller may have it: of its own tenant, and with tokens set aside for it.

    Raises RefusedError for a model that the caller's key may not use, BudgetExceededError.
    """
    require_allowed(request, model)
    visit: Visit | None = request.scope["state"].get("visit")
    if visit is None:
        return tuple(operations)
    answer_tokens = sum(_longest_answer(operation) for operation in operations)
    visit.reserve(estimated_prompt_tokens(request.scope["state"]["observation"]) + answer_tokens)
    tenant = visit.key.effective_tenant
    return tuple(
        msgspec.structs.replace(operation, tenant=tenant) if isinstance(operation, (Generate, Complete)) else operation
        for operation in operations
    )


def _longest_answer(operation: Operation) -> int:
    if not isinstance(operation, (Generate, Complete)):
        return 0
    longest = DEFAULT_ANSWER_TOKENS if operation.max_tokens is None else operation.max_tokens
    return longest * operation.num_choices


def require_allowed(request: Request, model: str) -> None:
    """Raise RefusedError when the caller's key is for other models."""
    key: ApiKey | None = request.scope["state"].get("key")
    if key is None or not key.models:
        return
    backend: ChatBackend = request.app.state.backend
    card = card_called(model, backend.models())
    require_model(key, card.name if card else model)


def allowed_models(request: Request, cards: Iterable[ModelCard]) -> tuple[ModelCard, ...]:
    """Those of `cards` that the caller may use."""
    key: ApiKey | None = request.scope["state"].get("key")
    return tuple(card for card in cards if key is None or key.allows(card.name))


def _duration(seconds: float) -> str:
    """Seconds as OpenAI writes them: 20ms, 6.5s, 1m30s, 23h59m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"

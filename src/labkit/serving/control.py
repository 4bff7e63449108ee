"""What `labkit ps` and `labkit stop` ask of a running endpoint: routes beside the API's, for its own user alone.

A request must come from this machine and carry the token of the endpoint's private record. API keys do not open these
routes, and the token opens no other.
"""

import dataclasses
import hmac
import ipaddress
import time
from typing import Any, Protocol

from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from labkit.api.backend import ModelCard, ModelHealth
from labkit.api.error_responses import error_response
from labkit.api.errors import UnknownUrlError
from labkit.errors import InvalidRequestError, LabkitError, RefusedError
from labkit.serving.model_rows import PREFIX, TOKEN_HEADER, ModelRow
from labkit.serving.residency import Resident


class Controlled(Protocol):
    """What is controlled: a worker pool."""

    def models(self) -> tuple[ModelCard, ...]:
        """Cards of everything that can be asked for."""
        ...

    def health(self) -> dict[str, ModelHealth]:
        """State of each model."""
        ...

    def residents(self) -> list[Resident]:
        """Models that take memory."""
        ...

    async def load(self, model: str) -> None:
        """Load it now."""
        ...

    async def unload(self, model: str) -> None:
        """Unload it when its requests are over."""
        ...


def rows_of(pool: Controlled) -> tuple[ModelRow, ...]:
    """Every model of an endpoint: loaded ones first."""
    cards = pool.models()
    residents = {resident.name: resident for resident in pool.residents()}
    rows = [_row(name, health, residents.get(name), cards) for name, health in pool.health().items()]
    return tuple(sorted(rows, key=lambda row: row.memory_bytes is None))


class ControlMiddleware:
    """Pure ASGI, around the whole application: the API's own rules are not asked about control, nor the other way."""

    def __init__(self, app: ASGIApp, pool: Controlled, token: str) -> None:
        self._app = app
        self._pool = pool
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
            response: Response = JSONResponse(await self._answer(scope))
        except LabkitError as error:
            response = error_response(error, scope["path"])
        await response(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        address = (scope.get("client") or ("",))[0]
        given = Headers(scope=scope).get(TOKEN_HEADER, "")
        is_known = hmac.compare_digest(given.encode(), self._token.encode())
        here = (scope.get("server") or ("",))[0]  # of an address of its own, a program of this machine has the same
        if not (is_known and (_is_loopback(address) or address == here)):
            raise RefusedError("control is for the endpoint's own user", hint="use labkit ps and labkit stop")

    async def _answer(self, scope: Scope) -> Any:
        what, method = scope["path"].removeprefix(PREFIX), scope["method"]
        if (method, what) == ("GET", "models"):
            return {"at": time.time(), "models": [dataclasses.asdict(row) for row in rows_of(self._pool)]}
        if method == "POST" and what in ("load", "unload"):
            model = QueryParams(scope["query_string"]).get("model")
            if not model:
                raise InvalidRequestError("no model is named", param="model")
            await (self._pool.load(model) if what == "load" else self._pool.unload(model))
            return {"models": [dataclasses.asdict(row) for row in rows_of(self._pool)]}
        raise UnknownUrlError(method, scope["path"], 404, "there is no such control")


def _row(name: str, health: ModelHealth, resident: Resident | None, cards: tuple[ModelCard, ...]) -> ModelRow:
    card = next((card for card in cards if card.name == name), None)
    expiry = health.expires_at
    return ModelRow(
        name=name,
        state=health.state,
        reason=health.reason,
        memory_bytes=resident.memory_bytes if resident else None,
        num_running=health.num_running,
        num_waiting=health.num_waiting,
        num_slots=card.num_slots if card else None,
        num_restarts=health.num_restarts,
        loaded_at=health.loaded_at,
        expires_in_seconds=None if expiry is None else max(expiry - time.time(), 0.0),
        stays=bool(resident and resident.stays),
        adapters=tuple(card.name for card in cards if card.base == name),
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

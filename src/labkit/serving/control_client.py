"""The other side of `control`: asks running endpoints of this user, with the token of their records. Blocks."""

from typing import Any

import httpx2
import msgspec

from labkit.client.translate import connection_failed, error_of_status
from labkit.errors import ConnectionFailedError
from labkit.serving.instances import Instance
from labkit.serving.model_rows import PREFIX, TOKEN_HEADER, ModelRow

ANSWER_SECONDS = 5.0
LOAD_SECONDS = 600.0


def ask_models(instance: Instance) -> tuple[ModelRow, ...]:
    """What it serves now, and in which state. Raises ConnectionFailedError when it does not answer in 5 s."""
    return _rows(_sent(instance, "GET", "models", {}, ANSWER_SECONDS))


def ask_unload(instance: Instance, model: str) -> tuple[ModelRow, ...]:
    """Unload a model, when its requests are over. Raises ModelNotFoundError, ConnectionFailedError."""
    return _rows(_sent(instance, "POST", "unload", {"model": model}, LOAD_SECONDS))


def _sent(instance: Instance, method: str, what: str, query: dict[str, str], seconds: float) -> Any:
    url = f"{instance.url}{PREFIX}{what}"
    try:
        # Never through a proxy: the endpoint is on this machine, and the token is for it alone.
        with httpx2.Client(trust_env=False, timeout=seconds) as http:
            response = http.request(method, url, params=query, headers={TOKEN_HEADER: instance.control_token})
    except httpx2.HTTPError as problem:
        raise connection_failed(instance.url, problem) from problem
    if response.status_code != 200:
        raise error_of_status(response.status_code, response.content, response.headers, instance.url)
    return response.json()


def _rows(body: Any) -> tuple[ModelRow, ...]:
    try:
        return tuple(msgspec.convert(body["models"], list[ModelRow]))
    except (msgspec.ValidationError, KeyError, TypeError) as problem:
        message = "an endpoint of another version of labkit answers there"
        raise ConnectionFailedError(message, hint="stop it: labkit stop --all") from problem

"""A small client for any endpoint that speaks OpenAI's chat API. Blocking; one thread at a time."""

import contextlib
import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx2

from labkit.client.translate import connection_failed, error_of_event, error_of_status
from labkit.client.types import ChatAnswer, ChatDelta, ModelInfo, TokenCounts
from labkit.errors import ConnectionFailedError, InputError

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 300.0  # a long prefill is silent; labkit's own endpoint pings every 15 s
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ChatClient:
    """Talks to one endpoint. Every failure is an error of labkit's tree.

    `base_url` may end in /v1 or not. Proxies of the environment are not used for this machine itself.
    """

    def __init__(self, base_url: str, *, api_key: str | None = None, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.url = _normal_url(base_url)
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx2.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx2.Timeout(silence_seconds, connect=CONNECT_SECONDS),
            trust_env=urlsplit(self.url).hostname not in _LOOPBACK,
        )

    def models(self) -> tuple[ModelInfo, ...]:
        """What the endpoint serves. Raises ConnectionFailedError, and whatever the endpoint answers."""
        with self._translated():
            response = self._http.get("/v1/models")
            body = _checked(response)
        data = body.get("data")
        if not isinstance(data, list):
            raise ConnectionFailedError(f"{self.url} does not speak the OpenAI API", hint="check the address")
        return tuple(
            ModelInfo(name=item["id"], context_tokens=item.get("max_model_len"), facts=item)
            for item in data
            if isinstance(item, dict) and isinstance(item.get("id"), str)
        )

    def explained(self, request_id: str) -> dict[str, Any]:
        """What became of a request, by its x-request-id or its answer's id; "last" is the newest. labkit's alone.

        Raises RequestNotFoundError when the endpoint does not remember it.
        """
        with self._translated():
            return _checked(self._http.get(f"/labkit/requests/{quote(request_id, safe='')}"))

    def recent_requests(self, limit: int = 20) -> list[dict[str, Any]]:
        """The last requests in short, newest first. labkit's alone."""
        with self._translated():
            return _checked(self._http.get("/labkit/requests", params={"limit": limit}))["data"]

    def complete(self, model: str, messages: Sequence[Mapping[str, Any]], **options: Any) -> ChatAnswer:
        """The whole answer at once. `options` are request fields, such as temperature=0."""
        with self._translated():
            response = self._http.post("/v1/chat/completions", json=_body(model, messages, options))
            body = _checked(response)
        choice = body["choices"][0]
        message = choice["message"]
        return ChatAnswer(
            content=message.get("content") or "",
            finish_reason=choice.get("finish_reason"),
            reasoning=_reasoning(message),
            tool_calls=tuple(message.get("tool_calls") or ()),
            usage=_usage(body.get("usage")),
            timings=body.get("timings"),
        )

    def stream(
        self, model: str, messages: Sequence[Mapping[str, Any]], **options: Any
    ) -> Generator[ChatDelta, None, None]:
        """The answer piece by piece. Closing the generator closes the connection, which cancels the request.

        Raises the error that the stream ends with, ConnectionFailedError when it is cut without a word.
        """
        body = _body(model, messages, options) | {"stream": True, "stream_options": {"include_usage": True}}
        with self._translated(), self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != 200:
                response.read()
                _checked(response)
            yield from self._deltas(response)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _deltas(self, response: httpx2.Response) -> Generator[ChatDelta, None, None]:
        for event in httpx2.EventSource(response):
            if event.data == "[DONE]":
                return
            chunk = json.loads(event.data)
            if chunk.get("error"):
                raise error_of_event(chunk["error"])
            yield _delta(chunk)
        raise ConnectionFailedError(f"{self.url} cut the answer off", hint="see the endpoint's log, and ask again")

    @contextlib.contextmanager
    def _translated(self) -> Generator[None, None, None]:
        try:
            yield
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise connection_failed(self.url, error) from error
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            problem = ValueError(f"it answers, but not in OpenAI's format: {error}")
            raise connection_failed(self.url, problem) from error


def _normal_url(base_url: str) -> str:
    text = base_url if "://" in base_url else f"http://{base_url}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"'{base_url}' is not an address", hint="write it like http://127.0.0.1:8642")
    return text.rstrip("/").removesuffix("/v1")


def _checked(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise error_of_status(response.status_code, response.content, response.headers, str(response.url))
    return response.json()


def _body(model: str, messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    return {"model": model, "messages": list(messages), **given}


def _delta(chunk: Mapping[str, Any]) -> ChatDelta:
    choice = chunk["choices"][0] if chunk.get("choices") else {}
    news = choice.get("delta") or {}
    return ChatDelta(
        content=news.get("content") or "",
        reasoning=_reasoning(news),
        tool_calls=tuple(news.get("tool_calls") or ()),
        finish_reason=choice.get("finish_reason"),
        usage=_usage(chunk.get("usage")),
        timings=chunk.get("timings"),
    )


def _reasoning(message: Mapping[str, Any]) -> str:
    return message.get("reasoning_content") or message.get("reasoning") or ""


def _usage(usage: Mapping[str, Any] | None) -> TokenCounts | None:
    if not usage:
        return None
    details = usage.get("prompt_tokens_details") or {}
    return TokenCounts(
        usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), details.get("cached_tokens") or 0
    )

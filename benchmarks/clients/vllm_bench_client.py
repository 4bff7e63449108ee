"""The requests of `vllm bench serve`, for where vLLM itself cannot be installed, read as it reads them.

Its two OpenAI backends stream with usage and `ignore_eos`, send fields that only vLLM has, and count chunks; what
they would print is computed here too. One completion first, as its readiness check does, then many at once.
"""

import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field

import aiohttp
from checks import KEY, MODEL, URL, Checks

check = Checks("aiohttp")
OUTPUT_TOKENS = 32
HEADERS = {"Authorization": f"Bearer {KEY}", "x-request-id": "bench-0"}


@dataclass
class Seen:
    """One request: its text, token counts of the usage chunk, and the times that chunks came at."""

    text: str = ""
    output_tokens: int = 0
    prompt_tokens: int = 0
    times: list[float] = field(default_factory=list)


async def ask(session: aiohttp.ClientSession, path: str, payload: dict) -> Seen:
    """One streamed request, split at empty lines as the benchmark does."""
    seen, started, buffer = Seen(), time.perf_counter(), ""
    body = payload | {"model": MODEL, "stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True}
    async with session.post(URL + path, json=body, headers=HEADERS) as response:
        assert response.status == 200, await response.text()
        async for data in response.content.iter_any():
            buffer += data.decode()
            *events, buffer = buffer.split("\n\n")
            for event in events:
                if event.startswith(":") or event == "data: [DONE]":
                    continue
                chunk = json.loads(event.removeprefix("data: "))
                if chunk.get("choices"):
                    choice = chunk["choices"][0]
                    seen.text += (choice.get("text") if "text" in choice else choice["delta"].get("content")) or ""
                    seen.times.append(time.perf_counter() - started)
                elif usage := chunk.get("usage"):
                    seen.output_tokens, seen.prompt_tokens = usage["completion_tokens"], usage["prompt_tokens"]
    assert not buffer.strip()
    return seen


def completion(number: int) -> tuple[str, dict]:
    """What the backend `openai` sends; a random prompt there is text, or token ids."""
    prompt = [5 + (number * 7 + k) % 900 for k in range(48)] if number % 2 else f"Request {number}: " + "word " * 12
    fields = {"prompt": prompt, "repetition_penalty": 1.0, "max_tokens": OUTPUT_TOKENS, "logprobs": None}
    return "/v1/completions", fields


def chat(number: int) -> tuple[str, dict]:
    """What the backend `openai-chat` sends."""
    content = [{"type": "text", "text": f"Request {number}: " + "word " * 12}]
    return "/v1/chat/completions", {
        "messages": [{"role": "user", "content": content}],
        "max_completion_tokens": OUTPUT_TOKENS,
        "temperature": 0.0,
    }


async def bench(make, count: int) -> list[Seen]:
    """`count` requests at once."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        await ask(session, *make(0))
        started = time.perf_counter()
        found = await asyncio.gather(*(ask(session, *make(number)) for number in range(count)))
        seconds = time.perf_counter() - started
    total = sum(seen.output_tokens for seen in found)
    first = statistics.median(seen.times[0] for seen in found)
    rate = f"{total / seconds:.0f} tokens/s, median TTFT {first * 1000:.0f} ms"
    print(f"          {count} requests, {total} tokens, {rate}")
    return found


@check("openai (completions): every request ends with all of its tokens")
async def _() -> None:
    for seen in await bench(completion, 64):
        assert seen.output_tokens == OUTPUT_TOKENS, seen.output_tokens
        assert seen.prompt_tokens > 0
        assert seen.times


@check("openai-chat: every request ends with all of its tokens")
async def _() -> None:
    for seen in await bench(chat, 64):
        assert seen.output_tokens == OUTPUT_TOKENS, seen.output_tokens
        assert seen.text


@check("the metrics it reads from the server's side")
async def _() -> None:
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(f"{URL}/metrics") as response:
        text = await response.text()
    assert response.status == 200
    assert "vllm:time_to_first_token_seconds" in text, "no vllm:time_to_first_token_seconds"


if __name__ == "__main__":
    check.run()

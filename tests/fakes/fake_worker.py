"""A worker without a model: a real process that speaks the protocol, slow, failing or dying on demand.

`python fake_worker.py MODEL [options]`. The model's file name says how loading goes ("refuse", "die", "lazy",
"slow-load", "garbage"), the last message what a request does: "count 5", "slow 100", "die 3", "exit 3", "stop-self",
"stuck", "silent", "flood", "late-error 3", "error", "full", "choices", "tool", "think", "stop here"; what it is told of
itself: "... asked", "tenant", "adapters", "state". Anything else is said back word by word.

A text completion is its prompt said back likewise; `fake_tokenizer.py` answers questions, a character being a token.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import msgspec
from fake_tokenizer import entries, reply_to, text_of

from labkit.engine.types import Timings, Usage
from labkit.errors import ContextLengthExceededError, ForwardError, InvalidModelFileError, QueueFullError
from labkit.worker.messages import (
    Cancel,
    Complete,
    Delta,
    Generate,
    LoadFailed,
    LogprobEntry,
    PromptTokens,
    Pulse,
    Question,
    Ready,
    Report,
    Shutdown,
    Step,
    TokenText,
    ToolCallDelta,
)
from labkit.worker.wire import HEADER, body_length, describe_error, pack, unpack

TOKEN_SECONDS = 0.02


def asked(request: Generate) -> dict:
    """What a request asks, for tests of what a front makes of a body."""
    return {
        name: getattr(request, name)
        for name in (
            "messages", "tools", "tool_choice", "parallel_tool_calls", "response_schema", "reasoning_effort",
            "template_arguments", "sampling", "max_tokens", "stop", "logprobs", "continue_final", "lane", "reuse",
        )
    }  # fmt: skip


def report(request: Generate, num_tokens: int) -> Report:
    """What a worker tells of itself; its prompt is what the request said last."""
    cause = "max_tokens" if num_tokens == request.max_tokens else "end_of_generation"
    said = request.prompt if isinstance(request, Complete) else request.messages[-1]["content"]
    return Report(stop_cause=cause, prompt=str(said) if request.tell_prompt else None)


class FakeWorker:
    def __init__(self) -> None:
        self.frames_in = os.fdopen(os.dup(0), "rb")
        self.frames_out = os.fdopen(os.dup(1), "wb")
        self.lock = threading.Lock()
        self.running: dict[str, threading.Event] = {}
        self.cancelled: list[str] = []
        self.is_stuck = False

    def send(self, message) -> None:
        with self.lock:
            try:
                self.frames_out.write(pack(message))
                self.frames_out.flush()
            except OSError:
                os._exit(0)

    def load(self, path: Path) -> None:
        stem = path.stem
        os.write(2, f"the fake worker loads {path.name}\n".encode())
        if "die-second" in stem and not path.with_suffix(".loaded").exists():
            path.with_suffix(".loaded").touch()
        elif "die" in stem:
            os.write(2, b"the fake worker is about to die\n")
            os.kill(os.getpid(), signal.SIGABRT)
        if "refuse" in stem:
            self.send(LoadFailed(describe_error(InvalidModelFileError("no tensors here", hint="get another"))))
            sys.exit(65)
        if "garbage" in stem:
            self.frames_out.write(b"\xff\xff\xff\xff nonsense")
            self.frames_out.flush()
            time.sleep(60)
        if "lazy" in stem:
            time.sleep(0.5)
        if "slow-load" in stem:
            time.sleep(30)
        self.send(
            Ready(
                description="fake 0.1B Q8_0",
                context_tokens=4096,
                trained_context_tokens=8192,
                num_slots=4,
                num_threads=1,
                vocab_size=1000,
                model_bytes=1234,
                num_parameters=100,
                has_chat_template=True,
                pid=os.getpid(),
            )
        )

    def serve(self) -> None:
        threading.Thread(target=self.pulse, daemon=True).start()
        while header := self.frames_in.read(HEADER.size):
            message = unpack(self.frames_in.read(body_length(header)))
            if isinstance(message, Question):
                self.send(reply_to(message))
            elif isinstance(message, Generate | Complete):
                gone = self.running[message.request_id] = threading.Event()
                act = self.complete if isinstance(message, Complete) else self.answer
                threading.Thread(target=act, args=(message, gone), daemon=True).start()
            elif isinstance(message, Cancel) and message.request_id in self.running:
                self.cancelled.append(message.request_id)
                self.running[message.request_id].set()
            elif isinstance(message, Shutdown):
                return

    def pulse(self) -> None:
        while True:
            figures = {"cached_cells": 7, "counters": {"device_hits": 3}}
            self.send(Pulse(len(self.running), 0, 12.0 * self.is_stuck, figures, self.is_stuck))
            time.sleep(0.5)

    def silent(self, request: Generate, gone: threading.Event, number: int) -> None:
        gone.wait()
        self.end(request, finish_reason="cancelled")

    def stop_self(self, request: Generate, gone: threading.Event, number: int) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def stuck(self, request: Generate, gone: threading.Event, number: int) -> None:
        """Pulse on, and never get anywhere."""
        self.is_stuck = True

    def answer(self, request: Generate, gone: threading.Event) -> None:
        text = request.messages[-1]["content"] or ""
        verb, _, rest = text.partition(" ")
        number = int(rest) if rest.isdigit() else 5
        actions = {
            "die": self.die, "exit": self.exit, "late-error": self.late_error, "count": self.count, "slow": self.slow,
            "flood": self.flood, "stuck": self.stuck, "stop-self": self.stop_self, "silent": self.silent,
        }  # fmt: skip
        scripts = {"choices": self.choices, "tool": self.tool, "think": self.think, "stop here": self.stop_here}
        errors = {
            "error": ContextLengthExceededError(5000, 4096),
            "full": QueueFullError("the queue is full", retry_after_seconds=7),
        }
        if verb in actions and (rest.isdigit() or not rest):
            actions[verb](request, gone, number)
        elif text in scripts:
            scripts[text](request)
        elif text in errors:
            self.end(request, error=describe_error(errors[text]))
        else:
            fact = self.fact(request, text)
            self.say(request, text.split(" ") if fact is None else [fact], gone)

    def fact(self, request: Generate, text: str) -> str | None:
        """What a message asks of the worker itself; None for any other message."""
        if text.endswith("asked"):
            return json.dumps(msgspec.to_builtins(asked(request)))
        if text == "tenant":
            return request.tenant
        if text == "adapters":
            return " ".join(f"{use.name}={use.scale}" for use in request.adapters)
        if text != "state":
            return None
        state = {
            "running": [key for key in self.running if key != request.request_id],
            "cancelled": self.cancelled,
            "environment": sorted(os.environ),
            "arguments": sys.argv[1:],
        }
        return json.dumps(state)

    def say(self, request: Generate, words, gone, seconds: float = 0.0) -> None:
        started = time.monotonic()
        num_tokens = 0
        for index, word in enumerate(words):
            if gone.wait(seconds) if seconds else gone.is_set():
                self.end(request, finish_reason="cancelled")
                return
            num_tokens += 1
            text = word if index == 0 else f" {word}"
            told = 0 if index else 10
            self.send(Step((Delta(request.request_id, content=text, num_tokens=1, prompt_tokens=told),)))
            if request.max_tokens is not None and num_tokens >= request.max_tokens:
                break
        self.end(
            request, finish_reason="length" if num_tokens == request.max_tokens else "stop",
            usage=Usage(prompt_tokens=10, completion_tokens=num_tokens, cached_tokens=4),
            timings=Timings(queue_seconds=0.001, prefill_seconds=0.01, decode_seconds=time.monotonic() - started),
            report=report(request, num_tokens),
        )  # fmt: skip

    def end(self, request: Generate, **last) -> None:
        self.running.pop(request.request_id, None)
        self.send(Step((Delta(request.request_id, **last),)))

    def count(self, request, gone, number) -> None:
        self.say(request, [str(n) for n in range(number)], gone)

    def slow(self, request, gone, number) -> None:
        self.say(request, [str(n) for n in range(number)], gone, TOKEN_SECONDS)

    def flood(self, request, gone, number) -> None:
        self.say(request, ["x" * 1000 for _ in range(number)], gone)

    def die(self, request, gone, number) -> None:
        for _ in range(number):
            self.send(Step((Delta(request.request_id, content="so", num_tokens=1),)))
        os.kill(os.getpid(), signal.SIGKILL)

    def exit(self, request, gone, number) -> None:
        os._exit(number)

    def late_error(self, request, gone, number) -> None:
        for _ in range(number):
            self.send(Step((Delta(request.request_id, content="so", num_tokens=1),)))
        self.end(request, error=describe_error(ForwardError("the forward failed")))

    def choices(self, request: Generate) -> None:
        """Each choice says its number twice; they end one after the other, the first one last."""
        for k in range(request.num_choices):
            word = LogprobEntry(TokenText(b"%d" % k, -0.5), (TokenText(b"%d" % k, -0.5), TokenText(b"\xff", -2.0)))
            entries = (word,) if request.logprobs is not None else ()
            delta = Delta(request.request_id, content=str(k), num_tokens=1, choice=k, num_open=request.num_choices)
            self.send(Step((msgspec.structs.replace(delta, logprobs=entries),) * 2))
        for k in reversed(range(request.num_choices)):
            last = {"usage": Usage(10, 2 * request.num_choices), "timings": Timings(0.0, 0.01, 0.02)} if k == 0 else {}
            self.send(Step((Delta(request.request_id, finish_reason="stop", choice=k, num_open=k, **last),)))
        self.running.pop(request.request_id, None)

    def complete(self, request: Complete, gone: threading.Event) -> None:
        """Says the prompt back, from the n-th character on in the n-th choice; likelier from choice to choice."""
        text = text_of(request.prompt)
        if text == "error":
            self.end(request, error=describe_error(ContextLengthExceededError(5000, 4096)))
            return
        tops = request.logprobs
        told = entries(text[1:], tops, -1.0) if request.echo and tops is not None else ()
        echo = PromptTokens(text, (None, *told), entries(text[:1], 0, 0.0)[0].chosen) if request.echo else None
        num_tokens = 0
        for k in range(request.num_choices):
            said = (text + (request.suffix or ""))[k:][: request.max_tokens]
            num_tokens += len(said)
            for index, character in enumerate(said or [""]):
                found = () if tops is None else entries(character, tops, k - 9.0)
                prompt = echo if index == 0 else None
                delta = Delta(request.request_id, character, num_tokens=1, logprobs=found, prompt=prompt, choice=k)
                self.send(Step((msgspec.structs.replace(delta, num_open=request.num_choices - k),)))
            num_open = request.num_choices - k - 1
            last = {} if num_open else {"usage": Usage(len(text), num_tokens), "timings": Timings(0.0, 0.01, 0.02)}
            report = Report(stop_cause="max_tokens")
            self.end(request, choice=k, num_open=num_open, finish_reason="length", report=report, **last)

    def think(self, request: Generate) -> None:
        """Thinks, talks, calls two tools and talks again."""
        first, second = ToolCallDelta(0, "call_1", "weather"), ToolCallDelta(1, "call_2", "time", "{}")
        deltas = [
            Delta(request.request_id, reasoning="Let me", prompt_tokens=10),
            Delta(request.request_id, reasoning=" see."),
            Delta(request.request_id, content="I will"),
            Delta(request.request_id, content=" look."),
            Delta(request.request_id, tool_calls=(first,)),
            Delta(request.request_id, tool_calls=(ToolCallDelta(0, arguments='{"city": '),)),
            Delta(request.request_id, tool_calls=(ToolCallDelta(0, arguments='"Oslo"}'), second)),
        ]
        for delta in deltas:
            self.send(Step((msgspec.structs.replace(delta, num_tokens=1),)))
        usage = Usage(10, 7, cached_tokens=4, reasoning_tokens=2)
        self.end(request, finish_reason="tool_calls", usage=usage, timings=Timings(0.0, 0.01, 0.02))

    def stop_here(self, request: Generate) -> None:
        """Ends at the first of the stop texts."""
        self.send(Step((Delta(request.request_id, content="so far", num_tokens=2, prompt_tokens=10),)))
        report = Report(stop_cause="stop_text", stop_text=request.stop[0])
        self.end(request, finish_reason="stop", usage=Usage(10, 2), timings=Timings(0.0, 0.01, 0.02), report=report)

    def tool(self, request: Generate) -> None:
        first = ToolCallDelta(index=0, id="call_1", name="weather")
        parts = [first, ToolCallDelta(index=0, arguments='{"city":'), ToolCallDelta(index=0, arguments=' "Oslo"}')]
        for part in parts:
            self.send(Step((Delta(request.request_id, tool_calls=(part,), num_tokens=1),)))
        self.end(request, finish_reason="tool_calls", usage=Usage(10, 3), timings=Timings(0.0, 0.01, 0.02))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = FakeWorker()
    worker.load(Path(sys.argv[1]))
    worker.serve()


if __name__ == "__main__":
    main()

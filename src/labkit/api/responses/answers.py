"""From a worker's deltas to OpenAI's response: one object, or a stream of numbered events."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from labkit.api import sse
from labkit.api.blocks import Block, Blocks, News, is_plain_text
from labkit.api.chat_answers import logprobs_object
from labkit.api.errors import envelope
from labkit.api.figures import timings_object
from labkit.api.responses.echo import new_response, response_usage, sampling_used
from labkit.api.responses.toolbox import Names
from labkit.errors import InvalidRequestError, LabkitError
from labkit.worker.messages import Delta

Json = dict[str, Any]
_ID_STARTS = {"text": "msg", "reasoning": "rs", "tool_call": "fc"}
# Codes of a failed response; clients know no others.
_ERROR_CODES = {"rate_limit_error": "rate_limit_exceeded", "invalid_request_error": "invalid_prompt"}
# What workers call a field, and what it is called here.
_PARAMS = {
    "messages": "input",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "max_tokens": "max_output_tokens",
}


class ResponsesWire:
    """Writes one response, streamed or whole. Made for a single request.

    Nearly every event is one piece of text, and all of it but the text and a number is the same each time: that much
    is written once for each block.
    """

    media_type = sse.MEDIA_TYPE
    ping = sse.PING

    def __init__(
        self,
        echo: Json,
        response_id: str,
        keep: Callable[[Json], None] | None = None,
        *,
        as_summary: bool = False,
        names: Names | None = None,
    ) -> None:
        """`keep` is given the response object when it is complete; `names` are those of functions in namespaces."""
        self._response = new_response(echo, response_id)
        self._keep = keep
        self._as_summary = as_summary
        self._names = names or {}
        self._blocks = Blocks()
        self._items: list[Json] = []
        self._num_events = 0
        self._text_start = b""

    def encode(self, deltas: Sequence[Delta]) -> bytes:
        """Events for news, possibly none."""
        return b"".join([self._encode(delta) for delta in deltas])

    def whole(self, deltas: list[Delta]) -> Json:
        """The whole response as one object."""
        for delta in deltas:
            self._blocks.feed(delta)
        self._finish(deltas[-1])
        self._items = [self._item(block, "completed") for block in self._blocks.row]
        return self._complete(deltas[-1])

    def failure(self, error: LabkitError) -> bytes:
        """What went wrong, then the failed response: the end of the stream."""
        rename_param(error)
        told = envelope(error)["error"]
        code = _ERROR_CODES.get(told["type"], "server_error")
        self._response |= {"status": "failed", "error": {"code": code, "message": told["message"]}}
        self._response["output"] = self._items
        # Under "error" once more: clients that know only chat completions' way raise it, the others read the fields.
        event = {"code": told["code"], "message": told["message"], "param": told["param"], "error": told}
        return b"".join([*self._begin(), self._event("error", event), self._lifecycle("response.failed")])

    def _encode(self, delta: Delta) -> bytes:
        block = self._blocks.open_text
        if block is None or not self._text_start or not is_plain_text(delta):
            return b"".join(self._events(delta))
        block.parts.append(delta.content)
        self._num_events += 1
        return b'%s%s,"sequence_number":%d}\n\n' % (self._text_start, sse.quoted(delta.content), self._num_events - 1)

    def _events(self, delta: Delta) -> list[bytes]:
        events = self._begin()
        for news in self._blocks.feed(delta):
            events += self._tell(news)
        if delta.finish_reason is not None:
            for news in self._finish(delta):
                events += self._tell(news, _last_status(delta))
            response = self._complete(delta)
            events.append(self._lifecycle(f"response.{response['status']}"))
        return events

    def _begin(self) -> list[bytes]:
        if self._num_events:
            return []
        return [self._lifecycle("response.created"), self._lifecycle("response.in_progress")]

    def _finish(self, delta: Delta) -> list[News]:
        """Close what is open. An answer without anything is a message without text; a cut one may have none."""
        if not self._blocks.row and delta.finish_reason == "stop":
            return [*self._blocks.begin_text(), *self._blocks.close()]
        return self._blocks.close()

    def _complete(self, last: Delta) -> Json:
        response = self._response
        status = _last_status(last)
        if status == "incomplete":
            response["incomplete_details"] = {"reason": "max_output_tokens"}
            if self._items:
                self._items[-1]["status"] = "incomplete"
        response |= {
            "status": status,
            "completed_at": int(time.time()),
            "output": self._items,
            "usage": response_usage(last.usage),
            "timings": timings_object(last.usage, last.timings),
        }
        if last.report is not None and last.report.sampling is not None:
            response |= sampling_used(last.report.sampling)
        if self._keep is not None:
            self._keep(response)
        return response

    def _tell(self, news: News, status: str = "completed") -> list[bytes]:
        block = news.block
        at = {"item_id": self._item_id(block), "output_index": block.index}
        if news.what == "open":
            return self._opened(block, at)
        if news.what == "close":
            return self._closed(block, at, status)
        name, index = self._part_names(block)
        if block.kind == "text":
            logprobs = logprobs_object(news.logprobs)
            index["logprobs"] = logprobs["content"] if logprobs else []
        return [self._event(f"response.{name}.delta", at | index | {"delta": news.text})]

    def _opened(self, block: Block, at: Json) -> list[bytes]:
        added = {"output_index": block.index, "item": self._item(block, "in_progress")}
        events = [self._event("response.output_item.added", added)]
        if block.kind == "tool_call":
            return events
        _, index = self._part_names(block)
        part = self._part(Block(block.index, block.kind))
        if block.kind == "text":
            head = {"type": "response.output_text.delta", **at, **index, "logprobs": []}
            self._text_start = sse.event(head, "response.output_text.delta")[: -len(b"}\n\n")] + b',"delta":'
        return [*events, self._event(f"response.{self._part_event(block)}.added", at | index | {"part": part})]

    def _closed(self, block: Block, at: Json, status: str) -> list[bytes]:
        self._text_start = b""
        name, index = self._part_names(block)
        item = self._item(block, status)
        self._items.append(item)
        if block.kind == "tool_call":
            arguments = at | self._name(block) | {"arguments": block.text}
            events = [self._event(f"response.{name}.done", arguments)]
        else:
            part = self._part(block)
            text = at | index | {"text": block.text}
            if block.kind == "text":
                text["logprobs"] = part["logprobs"]
            events = [
                self._event(f"response.{name}.done", text),
                self._event(f"response.{self._part_event(block)}.done", at | index | {"part": part}),
            ]
        return [*events, self._event("response.output_item.done", {"output_index": block.index, "item": item})]

    def _part_names(self, block: Block) -> tuple[str, Json]:
        """What the events about a block's text are called, and the index they carry."""
        if block.kind == "tool_call":
            return "function_call_arguments", {}
        if block.kind == "text":
            return "output_text", {"content_index": 0}
        if self._as_summary:
            return "reasoning_summary_text", {"summary_index": 0}
        return "reasoning_text", {"content_index": 0}

    def _part_event(self, block: Block) -> str:
        return "reasoning_summary_part" if block.kind == "reasoning" and self._as_summary else "content_part"

    def _part(self, block: Block) -> Json:
        if block.kind == "reasoning":
            return {"type": "summary_text" if self._as_summary else "reasoning_text", "text": block.text}
        logprobs = logprobs_object(block.logprobs)
        content = logprobs["content"] if logprobs else []
        return {"type": "output_text", "annotations": [], "logprobs": content, "text": block.text}

    def _item(self, block: Block, status: str) -> Json:
        item: Json = {"id": self._item_id(block), "status": status}
        parts = [] if status == "in_progress" or block.kind == "tool_call" else [self._part(block)]
        if block.kind == "text":
            return item | {"type": "message", "role": "assistant", "content": parts}
        if block.kind == "reasoning":
            summary, content = (parts, None) if self._as_summary else ([], parts)
            return item | {"type": "reasoning", "summary": summary, "content": content, "encrypted_content": None}
        arguments = "" if status == "in_progress" else block.text
        called = {"type": "function_call", "call_id": block.call_id, "arguments": arguments}
        return item | called | self._name(block)

    def _name(self, block: Block) -> Json:
        """What the function is called where it was defined."""
        if block.name not in self._names:
            return {"name": block.name}
        namespace, name = self._names[block.name]
        return {"name": name, "namespace": namespace}

    def _item_id(self, block: Block) -> str:
        return f"{_ID_STARTS[block.kind]}_{self._response['id'].partition('_')[2]}{block.index:03}"

    def _lifecycle(self, name: str) -> bytes:
        return self._event(name, {"response": self._response})

    def _event(self, name: str, fields: Json) -> bytes:
        self._num_events += 1
        return sse.event({"type": name, **fields, "sequence_number": self._num_events - 1}, name)


def rename_param(error: LabkitError) -> None:
    """Let an error name the field as it is called here."""
    if isinstance(error, InvalidRequestError) and error.param is not None:
        error.param = _PARAMS.get(error.param, error.param)


def _last_status(delta: Delta) -> str:
    return "incomplete" if delta.finish_reason == "length" else "completed"

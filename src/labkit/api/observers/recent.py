"""The last requests, explained: a ring that is bounded by count, bytes and age."""

from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Any

import msgspec

from labkit.api.errors import UnknownUrlError
from labkit.api.observation import Caller, Observation
from labkit.api.observers.explanation import explain
from labkit.errors import RefusedError
from labkit.units import MIB

MAX_RECORDS = 1000
MAX_BYTES = 16 * MIB
MAX_AGE_SECONDS = 3600.0
SHORTEST_BEGINNING = 8
_LISTED = ("request_id", "answer_id", "created", "state", "route", "operation", "model", "stream", "status")


@dataclass(frozen=True, slots=True)
class _Record:
    key_id: str
    answer_id: str
    ended: float
    body: bytes


class RecentRequests:
    """An observer. A key sees its own requests; a caller without one (no keys are in use) sees all."""

    def __init__(
        self, *, records: int = MAX_RECORDS, size_bytes: int = MAX_BYTES, age_seconds: float = MAX_AGE_SECONDS
    ) -> None:
        self._limits = (records, size_bytes, age_seconds)
        self._running: dict[str, Observation] = {}
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._by_answer: dict[str, str] = {}
        self._num_bytes = 0

    def started(self, observation: Observation) -> None:
        """See Observer."""
        self._running[observation.request_id] = observation

    def ended(self, observation: Observation) -> None:
        """See Observer. What asked nothing of a model, and what was turned away at the door, is not kept."""
        self._running.pop(observation.request_id, None)
        error = observation.error
        if observation.operation is None and (error is None or isinstance(error, (RefusedError, UnknownUrlError))):
            return
        body = msgspec.json.encode(explain(observation))
        self._keep(observation, _Record(observation.caller.key_id, observation.answer_id, monotonic(), body))

    def find(self, request_id: str, caller: Caller) -> dict[str, Any] | None:
        """A request by its x-request-id or its answer's id, or by how only one of them begins; None for none.

        None, too, for one that `caller` may not know of.
        """
        self._drop_old()
        request_id = self._whole_id(request_id, caller)
        for running in self._running.values():
            if request_id in (running.request_id, running.answer_id) and _may_see(caller, running.caller.key_id):
                return explain(running)
        record = self._records.get(self._by_answer.get(request_id, request_id))
        if record is None or not _may_see(caller, record.key_id):
            return None
        return self._without_strangers(msgspec.json.decode(record.body), caller)

    def newest(self, caller: Caller, limit: int) -> list[dict[str, Any]]:
        """The last `limit` requests that `caller` may see, newest first, in short; running ones come first."""
        self._drop_old()
        running = [
            explain(one)
            for one in reversed(self._running.values())
            if one.operation is not None and _may_see(caller, one.caller.key_id)
        ]
        found = running[:limit]
        for record in reversed(self._records.values()):
            if len(found) >= limit:
                break
            if _may_see(caller, record.key_id):
                found.append(msgspec.json.decode(record.body))
        return [_in_short(one) for one in found]

    def _whole_id(self, beginning: str, caller: Caller) -> str:
        """The one id that begins so, of those that `caller` may see; `beginning` itself where there is no such."""
        if beginning in self._records or beginning in self._by_answer or len(beginning) < SHORTEST_BEGINNING:
            return beginning
        found = {
            request_id
            for request_id, record in self._records.items()
            if (request_id.startswith(beginning) or record.answer_id.startswith(beginning))
            and _may_see(caller, record.key_id)
        }
        return found.pop() if len(found) == 1 else beginning

    def _keep(self, observation: Observation, record: _Record) -> None:
        self._records[observation.request_id] = record
        if record.answer_id:
            self._by_answer[record.answer_id] = observation.request_id
        self._num_bytes += len(record.body)
        max_records, max_bytes, _ = self._limits
        while len(self._records) > max_records or (self._num_bytes > max_bytes and self._records):
            self._drop_oldest()

    def _drop_old(self) -> None:
        oldest_kept = monotonic() - self._limits[2]
        while self._records and next(iter(self._records.values())).ended < oldest_kept:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, record = self._records.popitem(last=False)
        self._by_answer.pop(record.answer_id, None)
        self._num_bytes -= len(record.body)

    def _without_strangers(self, explanation: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Companions of other keys are counted, not named."""
        if caller.key_id:
            for choice in explanation["choices"]:
                if "companions" in choice:
                    choice["companions"] = [one for one in choice["companions"] if self._is_own(one, caller)]
        return explanation

    def _is_own(self, answer_id: str, caller: Caller) -> bool:
        record = self._records.get(self._by_answer.get(answer_id, ""))
        return record is not None and record.key_id == caller.key_id


def _may_see(caller: Caller, key_id: str) -> bool:
    return not caller.key_id or caller.key_id == key_id


def _in_short(explanation: dict[str, Any]) -> dict[str, Any]:
    tokens, error = explanation["tokens"] or {}, explanation["error"]
    return {name: explanation[name] for name in _LISTED} | {
        "seconds": explanation["times"]["total_seconds"],
        "prompt_tokens": tokens.get("prompt_tokens"),
        "cached_tokens": tokens.get("cached_tokens"),
        "completion_tokens": tokens.get("completion_tokens"),
        "finish_reasons": [choice["finish_reason"] for choice in explanation["choices"]],
        "error": error["type"] if error else None,
    }

"""Responses that can be asked for again, for as long as there is room: in memory, bounded three ways, by owner."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from labkit.errors import InvalidRequestError, ResponseNotFoundError
from labkit.units import MIB

Owner = tuple[str, str]
"""Who may see a response: its tenant and its API key."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much is kept. What goes over a limit pushes the oldest out, of the owner who holds most."""

    responses: int = 4096
    bytes: int = 64 * MIB
    seconds: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One answered request, as JSON: the response object, and the items that came with the request itself."""

    response: bytes
    input_items: bytes
    previous_id: str | None
    item_ids: frozenset[str]
    stored_at: float

    @property
    def size(self) -> int:
        """Bytes it is counted as."""
        return len(self.response) + len(self.input_items) + 64 * len(self.item_ids)

    def body(self) -> dict[str, Any]:
        """The response object."""
        return json.loads(self.response)

    def items(self) -> list[dict[str, Any]]:
        """The items that came with the request, without those of responses before it."""
        return json.loads(self.input_items)


class ResponseStore:
    """Stored responses. No method blocks; one thread at a time may use it (the event loop's does)."""

    def __init__(self, limits: StoreLimits | None = None) -> None:
        self._limits = limits or StoreLimits()
        self._shelves: dict[Owner, OrderedDict[str, StoredResponse]] = {}
        self._sizes: dict[Owner, int] = {}

    @property
    def num_responses(self) -> int:
        """How many there are."""
        return sum(len(shelf) for shelf in self._shelves.values())

    @property
    def num_bytes(self) -> int:
        """What they take."""
        return sum(self._sizes.values())

    def put(
        self, owner: Owner, response: dict[str, Any], input_items: list[dict[str, Any]], previous_id: str | None = None
    ) -> None:
        """Keep a response. Older ones go where there is no room; one that is larger than all the room is not kept."""
        ids = {item["id"] for item in (*input_items, *response["output"]) if item.get("id")}
        stored = StoredResponse(
            json.dumps(response, ensure_ascii=False).encode(),
            json.dumps(input_items, ensure_ascii=False).encode(),
            previous_id,
            frozenset(ids),
            monotonic(),
        )
        if stored.size > self._limits.bytes:
            return
        if response["id"] in self._shelves.get(owner, {}):
            self._remove(owner, response["id"])
        self._shelves.setdefault(owner, OrderedDict())[response["id"]] = stored
        self._sizes[owner] = self._sizes.get(owner, 0) + stored.size
        self._make_room()

    def get(self, owner: Owner, response_id: str) -> StoredResponse:
        """One of them. Raises ResponseNotFoundError, also for what is too old and for what is another owner's."""
        found = self._find(owner, response_id)
        if found is None:
            raise ResponseNotFoundError(response_id)
        return found

    def delete(self, owner: Owner, response_id: str) -> None:
        """Forget one. Raises ResponseNotFoundError."""
        self.get(owner, response_id)
        self._remove(owner, response_id)

    def conversation(self, owner: Owner, response_id: str) -> list[dict[str, Any]]:
        """All items up to and with those of a response. Raises InvalidRequestError where one is not there any more."""
        turns = list(self._back_from(owner, response_id))
        return [item for stored in reversed(turns) for item in (*stored.items(), *stored.body()["output"])]

    def item(self, owner: Owner, item_id: str) -> dict[str, Any] | None:
        """An item of any of the owner's responses, by its id."""
        for stored in self._shelves.get(owner, {}).values():
            if item_id in stored.item_ids and not self._is_old(stored):
                items = (*stored.items(), *stored.body()["output"])
                return next(item for item in items if item.get("id") == item_id)
        return None

    def _back_from(self, owner: Owner, response_id: str) -> Iterator[StoredResponse]:
        """A response and those before it, newest first. What is used again goes last."""
        wanted: str | None = response_id
        while wanted is not None:
            stored = self._find(owner, wanted)
            if stored is None:
                where = "" if wanted == response_id else ", which the conversation goes back to,"
                raise InvalidRequestError(
                    f"the previous response {wanted[:80]!r}{where} is not stored (any more)",
                    param="previous_response_id",
                    code="previous_response_not_found",
                    hint="send the whole conversation as input",
                )
            self._shelves[owner].move_to_end(wanted)
            yield stored
            wanted = stored.previous_id

    def _find(self, owner: Owner, response_id: str) -> StoredResponse | None:
        stored = self._shelves.get(owner, {}).get(response_id)
        if stored is not None and self._is_old(stored):
            self._remove(owner, response_id)
            return None
        return stored

    def _is_old(self, stored: StoredResponse) -> bool:
        return monotonic() - stored.stored_at > self._limits.seconds

    def _make_room(self) -> None:
        while self.num_bytes > self._limits.bytes or self.num_responses > self._limits.responses:
            fullest = max(self._shelves, key=lambda owner: (self._sizes[owner], len(self._shelves[owner])))
            self._remove(fullest, next(iter(self._shelves[fullest])))

    def _remove(self, owner: Owner, response_id: str) -> None:
        stored = self._shelves[owner].pop(response_id)
        self._sizes[owner] -= stored.size
        if not self._shelves[owner]:
            del self._shelves[owner], self._sizes[owner]

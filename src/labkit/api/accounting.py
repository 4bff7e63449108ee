"""From an observation to the ledger: what each request that asked a model used."""

from time import monotonic

from labkit.access.ledger import Ledger, UsageRow
from labkit.api.observation import Observation
from labkit.engine.types import Usage
from labkit.errors import ModelNotFoundError
from labkit.worker.messages import Complete, Embed, Generate, Rerank

BYTES_PER_TOKEN = 4
MAX_NAME_CHARS = 200


class UsageObserver:
    """Observer: writes to a ledger what became of requests that asked a model, or came with a key and a body."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def started(self, observation: Observation) -> None:
        """Nothing is known yet."""

    def ended(self, observation: Observation) -> None:
        """Write it down. Does not block."""
        caller = observation.caller
        if observation.operation is None and not (caller.key_id and observation.method == "POST"):
            return
        used = tokens_of(observation)
        first = observation.first_token
        ended = monotonic() if observation.ended is None else observation.ended
        self._ledger.record(
            UsageRow(
                time=observation.created,
                key_id=caller.key_id,
                key_name=caller.name,
                model="" if isinstance(observation.error, ModelNotFoundError) else observation.model[:MAX_NAME_CHARS],
                route=observation.route,
                status=observation.status,
                error=type(observation.error).__name__ if observation.error else "",
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                cached_tokens=used.cached_tokens,
                reasoning_tokens=used.reasoning_tokens,
                first_token_seconds=None if first is None else first - observation.started,
                seconds=ended - observation.started,
            )
        )


def tokens_of(observation: Observation) -> Usage:
    """What a request took.

    One that broke off (its client left, its worker died) never says so itself: the tokens that came are counted, and
    of its prompt an estimate.
    """
    if observation.usage is not None:
        return observation.usage
    asked = isinstance(observation.operation, (Generate, Complete, Embed, Rerank))
    if asked and (observation.num_tokens or observation.client_left):
        return Usage(estimated_prompt_tokens(observation), observation.num_tokens)
    return Usage(0, 0)


def estimated_prompt_tokens(observation: Observation) -> int:
    """Tokens of a prompt that nobody has tokenized: four bytes of its request are one, which is seldom too few."""
    return observation.body_bytes // BYTES_PER_TOKEN

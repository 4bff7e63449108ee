"""What was used, summed up from the ledger: by key, by model or by day."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.access.ledger import SCHEMA_VERSION
from labkit.errors import DataFolderError

UsageBy = Literal["key", "model", "day"]

_COLUMNS = {"key": ("key_name", "key_id"), "model": ("model", "''"), "day": ("day", "''")}
_SUMS = """
SELECT {what}, {detail}, sum(num_requests), sum(num_failed), sum(prompt_tokens), sum(completion_tokens),
    sum(cached_tokens), sum(reasoning_tokens), sum(seconds)
FROM (
    SELECT day, key_id, key_name, model, num_requests, num_failed, prompt_tokens, completion_tokens, cached_tokens,
        reasoning_tokens, seconds
    FROM days WHERE day >= date(:since, 'unixepoch')
    UNION ALL
    SELECT date(time, 'unixepoch'), key_id, key_name, model, 1, (status IS NULL OR status >= 400 OR error <> ''),
        prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, seconds
    FROM requests WHERE time >= :since
) GROUP BY 1, 2 ORDER BY {order}
"""


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What one key, model or day (in UTC) used.

    Attributes:
        what: the key's name, the model's, or the day; "" for requests without a key.
        key_id: of the key.
        num_failed: requests that ended with an error, of `num_requests`.
        cached_tokens: of the prompt tokens, those that were not computed again.
        reasoning_tokens: of the completion tokens, those that were thought.
        seconds: that requests took together.
    """

    what: str
    key_id: str
    num_requests: int
    num_failed: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    seconds: float


def sum_usage(path: Path, by: UsageBy, since: float = 0.0) -> list[UsageSum]:
    """Sums since a time (seconds since the epoch); days in order, else who used most comes first. Blocks.

    Requests older than the ledger keeps one by one are there as whole days: a day counts if `since` is within it.
    Raises DataFolderError when the ledger cannot be read.
    """
    if not path.exists():
        return []
    what, detail = _COLUMNS[by]
    order = "1" if by == "day" else "sum(prompt_tokens + completion_tokens) DESC, 3 DESC"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] > SCHEMA_VERSION:
                raise sqlite3.OperationalError("it is from a newer labkit")
            query = _SUMS.format(what=what, detail=detail, order=order)
            return [UsageSum(*row) for row in connection.execute(query, {"since": since})]
    except sqlite3.Error as error:
        raise DataFolderError(f"the usage ledger {path} cannot be read: {error}", hint="move it away") from error

"""The event loop of the front: uvloop where there is one, which takes a fifth off the cost of a streamed token."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")

if sys.platform == "win32":
    _new_event_loop = None  # asyncio's own
else:
    from uvloop import new_event_loop as _new_event_loop


def run_loop(main: Coroutine[Any, Any, _Result]) -> _Result:
    """What `asyncio.run` does, on the front's loop. Blocks."""
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        return runner.run(main)

"""The tasks of labkit-nano by name. To add one: write a function Source -> Sample and name it here and in a recipe."""

from collections.abc import Callable

from labkit.tune.nano.sample import Sample
from labkit.tune.nano.tasks import arithmetic, closed, copying, extraction, persons, refusals, tool_use
from labkit.tune.nano.words import Source

TASKS: dict[str, Callable[[Source], Sample]] = {
    "faq": closed.faq,
    "faq_more": closed.faq_more,
    "small_talk": closed.small_talk,
    "refusal": refusals.refusal,
    "odd_request": refusals.odd_request,
    "longer_request": refusals.longer_request,
    "sentiment": closed.sentiment,
    "units": arithmetic.units,
    "extract": extraction.extract,
    "extract_person": persons.extract_person,
    "extract_system": extraction.extract_system,
    "tool_call": tool_use.tool_call,
    "tool_answer": tool_use.tool_answer,
    "tool_session": tool_use.tool_session,
    "ignore_tools": tool_use.ignore_tools,
    "recall": copying.recall,
    "repeat": copying.repeat,
    "repeat_long": copying.repeat_long,
    "key_values": copying.key_values,
    "reverse_words": copying.reverse_words,
    "pick_word": copying.pick_word,
    "change_case": copying.change_case,
    "compare": arithmetic.compare,
    "extreme": arithmetic.extreme,
    "sort": arithmetic.sort,
    "count": arithmetic.count,
    "add": arithmetic.add,
    "subtract": arithmetic.subtract,
    "multiply": arithmetic.multiply,
    "sums": arithmetic.sums,
    "drill": arithmetic.drill,
}

__all__ = ["TASKS"]

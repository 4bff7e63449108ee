"""Sums, products, comparisons, sorting and counting.

Answers restate the problem (`47 + 25 = 72`): whatever the wording, the result then follows its operands in one fixed
form, so a small model has to learn one computation instead of one per phrase.
"""

from __future__ import annotations

from labkit.tune.nano.sample import Sample, single
from labkit.tune.nano.words import Source

_ASK = (
    "What is {}?",
    "Calculate {}",
    "Compute {}.",
    "{}",
    "{} = ?",
    "{}?",
    "How much is {}?",
    "Please work out {}.",
    "Can you tell me {}?",
    "what's {}",
)
_ADD = ("{a} + {b}", "{a}+{b}", "{a} plus {b}", "{a} + {b}", "the sum of {a} and {b}")
_SUBTRACT = ("{a} - {b}", "{a}-{b}", "{a} minus {b}", "{a} - {b}", "the difference {a} - {b}")
_MULTIPLY = ("{a} * {b}", "{a}*{b}", "{a} times {b}", "{a} x {b}", "the product of {a} and {b}")


def _operands(source: Source, operator: str, high: int) -> tuple[int, int]:
    return source.draw(
        lambda: (source.integer(0, high), source.integer(0, high)),
        lambda pair: f"{pair[0]} {operator} {pair[1]}",
    )


def add(source: Source) -> Sample:
    """a + b with operands 0..99."""
    a, b = _operands(source, "+", 99)
    question = source.pick(_ASK).format(source.pick(_ADD).format(a=a, b=b))
    return single(question, f"{a} + {b} = {a + b}")


def subtract(source: Source) -> Sample:
    """a - b with operands 0..99; half of the results are negative."""
    a, b = _operands(source, "-", 99)
    question = source.pick(_ASK).format(source.pick(_SUBTRACT).format(a=a, b=b))
    return single(question, f"{a} - {b} = {a - b}")


def multiply(source: Source) -> Sample:
    """a * b with operands 0..12."""
    a, b = _operands(source, "*", 12)
    question = source.pick(_ASK).format(source.pick(_MULTIPLY).format(a=a, b=b))
    return single(question, f"{a} * {b} = {a * b}")


_OPERATORS = ("+", "+", "+", "+", "-", "-", "-", "-", "*")
_SUMS = ("Calculate: {}", "Compute: {}", "{}", "Work these out: {}", "What are {}", "Solve:\n{}")


def sums(source: Source) -> Sample:
    """Four to ten problems at once: a single sum spends most of its tokens on the chat around it."""
    drawn = []
    for _ in range(source.integer(4, 10)):
        operator = source.pick(_OPERATORS)
        drawn.append((*_operands(source, operator, 12 if operator == "*" else 99), operator))
    return _work_out(source, drawn)


def drill(source: Source) -> Sample:
    """Four to twelve problems of one operator, many with one digit or full tens: easy ones teach the digits."""
    operator = source.pick(("+", "-"))

    def operand() -> int:
        return source.pick(
            (source.integer(0, 9), source.integer(0, 99), source.integer(0, 99), 10 * source.integer(0, 9))
        )

    def operands() -> tuple[int, int]:
        return operand(), operand()

    def key(pair: tuple[int, int]) -> str:
        return f"{pair[0]} {operator} {pair[1]}"

    return _work_out(source, [(*source.draw(operands, key), operator) for _ in range(source.integer(4, 12))])


def _work_out(source: Source, drawn: list[tuple[int, int, str]]) -> Sample:
    problems = []
    for a, b, operator in drawn:
        result = {"+": a + b, "-": a - b, "*": a * b}[operator]
        problems.append((f"{a}{operator}{b}", f"{a} {operator} {b}", result))
    asked = [source.pick((tight, wide)) for tight, wide, _ in problems]
    separator = source.pick((", ", "; ", "\n", ", "))
    answer = separator.join(f"{wide} = {result}" for _, wide, result in problems)
    return single(source.pick(_SUMS).format(separator.join(asked)), answer)


_GREATER = ("Which is {}, {a} or {b}?", "Which number is {}: {a} or {b}?", "What is {}, {a} or {b}?", "{}: {a} or {b}?")


def compare(source: Source) -> Sample:
    """The greater or the smaller of two different numbers 0..99."""
    a, b = source.draw(
        lambda: tuple(source.rng.sample(range(100), 2)),
        lambda pair: f"compare {pair[0]} {pair[1]}",
    )
    wants_greater = source.chance(0.5)
    word = source.pick(("greater", "larger", "bigger") if wants_greater else ("less", "smaller"))
    question = source.pick(_GREATER).format(word, a=a, b=b)
    return single(question, str(max(a, b) if wants_greater else min(a, b)))


_EXTREME = (
    "What is the {} of {}?",
    "Find the {} of {}.",
    "{} of {}",
    "Which is the {} of {}?",
    "Give me the {} of {}.",
)


def _number_list(source: Source, low: int, high: int) -> list[int]:
    return source.draw(
        lambda: source.rng.sample(range(100), source.integer(low, high)),
        lambda numbers: f"list {numbers}",
    )


def extreme(source: Source) -> Sample:
    """The maximum or the minimum of two to five different numbers 0..99."""
    numbers = _number_list(source, 2, 5)
    wants_maximum = source.chance(0.5)
    word = source.pick(("maximum", "max", "largest") if wants_maximum else ("minimum", "min", "smallest"))
    question = source.pick(_EXTREME).format(word, ", ".join(map(str, numbers)))
    return single(question, str(max(numbers) if wants_maximum else min(numbers)))


def sort(source: Source) -> Sample:
    """Three to five different numbers, ascending."""
    numbers = _number_list(source, 3, 5)
    question = source.pick(("Sort {}", "Sort these numbers: {}", "Put in order: {}", "Please sort {}."))
    return single(question.format(", ".join(map(str, numbers))), ", ".join(map(str, sorted(numbers))))


_COUNT = ("How many words: {}", "Count the words: {}", "How many words are in: {}", "Count the words in: {}")


def count(source: Source) -> Sample:
    """How many words there are, one to eight."""
    words = source.words(1, 8)
    return single(source.pick(_COUNT).format(" ".join(words)), str(len(words)))


_CONVERSIONS = (
    ("km", "m", 1000, 99),
    ("m", "cm", 100, 99),
    ("kg", "g", 1000, 99),
    ("cm", "mm", 10, 99),
    ("GB", "MB", 1000, 99),
    ("MB", "kB", 1000, 99),
    ("seconds", "ms", 1000, 99),
    ("litres", "ml", 1000, 99),
    ("hours", "minutes", 60, 12),
    ("minutes", "seconds", 60, 12),
)
_CONVERT = (
    "Convert {n} {a} to {b}",
    "How many {b} are {n} {a}?",
    "How many {b} are in {n} {a}?",
    "{n} {a} in {b}",
    "{n} {a} to {b}?",
    "What is {n} {a} in {b}?",
    "Please convert {n} {a} to {b}.",
)


def units(source: Source) -> Sample:
    """Lengths, weights, sizes and times to the next smaller unit."""
    (big, small, factor, _), value = source.draw(
        lambda: (row := source.pick(_CONVERSIONS), source.integer(1, row[3])),
        lambda drawn: f"{drawn[1]} {drawn[0][0]} to {drawn[0][1]}",
    )
    question = source.pick(_CONVERT).format(n=value, a=big, b=small)
    return single(question, f"{value} {big} = {value * factor} {small}")

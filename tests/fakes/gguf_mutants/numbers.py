"""Values that programs stumble over, and places to put them."""

from fakes import gguf_writer as writer
from fakes.gguf_writer import Typed

INTEGERS = (
    0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 255, 256, 257, 512, 513, 1000, 4096, 65535, 65536,
    1 << 20, (1 << 24) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1,
)  # fmt: skip
HUGE = ((1 << 32) - 1, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
FLOATS = (0.0, -0.0, -1.0, -1e-6, 1e-45, 1e-30, 0.5, 1.0, 1e6, 1e30, 3e38, float("inf"), -float("inf"), float("nan"))
TEXTS = ("", "llama", "x" * 5000, "\0", "none", "%s%n", "../../etc/passwd", "\U0001f600")
_RANGES = {
    writer.UINT8: (0, 255), writer.INT8: (-128, 127), writer.UINT16: (0, 65535), writer.INT16: (-32768, 32767),
    writer.UINT32: (0, 2**32 - 1), writer.INT32: (-(2**31), 2**31 - 1), writer.UINT64: (0, 2**64 - 1),
    writer.INT64: (-(2**63), 2**63 - 1),
}  # fmt: skip


def integer(rng, *, near=None):
    """A whole number of any width: an edge, or close to `near`."""
    if near is not None and rng.random() < 0.5:
        value = rng.choice((near - 1, near + 1, near * 2, near // 2, -near, near * 3, near + 7))
    else:
        value = rng.choice(INTEGERS if rng.random() < 0.8 else (*HUGE, -1, -2, -(2**31)))
    kinds = [kind for kind, (low, high) in _RANGES.items() if low <= value <= high]
    usual = writer.UINT32 if writer.UINT32 in kinds else kinds[0]
    return Typed(usual if rng.random() < 0.7 else rng.choice(kinds), value)


def floating(rng):
    """A number with a fraction, or none at all."""
    value = rng.choice(FLOATS)
    kind = writer.FLOAT64 if rng.random() < 0.1 else writer.FLOAT32
    return Typed(kind, value)


def other_value(rng, old):
    """Something else in the place of a value: mostly of its type, now and then of another."""
    if rng.random() < 0.12:
        return rng.choice(
            (integer(rng), floating(rng), Typed(writer.STRING, rng.choice(TEXTS)), Typed(writer.BOOL, True))
        )
    if old is None or old.kind in _RANGES:
        return integer(rng, near=old.value if old else None)
    if old.kind in (writer.FLOAT32, writer.FLOAT64):
        return floating(rng)
    if old.kind == writer.BOOL:
        return Typed(writer.BOOL, not old.value)
    if old.kind == writer.STRING:
        return Typed(writer.STRING, rng.choice(TEXTS))
    return other_array(rng, old)


def other_array(rng, old):
    """An array with other elements, or another length."""
    values = list(old.value)
    action = rng.randrange(5)
    if action == 0:
        values = values[: rng.randrange(len(values) + 1)]
    elif action == 1:
        values += values[: rng.choice((1, 2, len(values)))]
    elif action == 2:
        values = []
    else:
        for _ in range(rng.choice((1, 1, 3))):
            if values:
                values[rng.randrange(len(values))] = _element(rng, old.element)
    return Typed(old.kind, values, old.element)


def _element(rng, kind):
    if kind == writer.STRING:
        return rng.choice(TEXTS).encode()
    if kind in (writer.FLOAT32, writer.FLOAT64):
        return rng.choice(FLOATS)
    if kind == writer.BOOL:
        return rng.random() < 0.5
    low, high = _RANGES[kind]
    return rng.choice([value for value in (*INTEGERS, *HUGE, -1) if low <= value <= high])

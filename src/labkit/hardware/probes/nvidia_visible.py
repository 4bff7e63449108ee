"""CUDA_VISIBLE_DEVICES: an environment variable that hides cards from every program of CUDA."""

from labkit.hardware.profile import Problem
from labkit.hardware.source import Source

VARIABLE = "CUDA_VISIBLE_DEVICES"
# Through the Source, so that a captured machine answers with its own environment; only this one variable.
COMMAND = ("printenv", VARIABLE)


def hidden_cards(source: Source, num_cards: int) -> Problem | None:
    """A note when the variable hides some of `num_cards`; None when it does not, or is not set."""
    output = source.run(COMMAND) if source.system != "Windows" else None
    if output is None or not output.succeeded:
        return None
    value = output.stdout.strip()
    num_visible = count_visible(value, num_cards)
    if num_visible >= num_cards:
        return None
    what = f"{VARIABLE}={value[:60]} hides {num_cards - num_visible} of {num_cards} NVIDIA cards from labkit"
    return Problem("note", what, f"to use all: unset {VARIABLE}")


def count_visible(value: str, num_cards: int) -> int:
    """How many cards the variable leaves. CUDA stops at the first entry that is no card: "0,-1,1" leaves one."""
    seen: set[str] = set()
    for entry in value.split(","):
        name = entry.strip()
        if name.isdecimal():
            if int(name) >= num_cards:
                break
        elif not name.startswith(("GPU-", "MIG-")):
            break
        seen.add(name)
    return min(len(seen), num_cards)

"""How long threads of the native core wait awake for each other, which libgomp wants to know while it is loaded.

Threads meet at a barrier after every operation of a forward. Asleep at each of them, two threads were slower than one
on a quiet virtual machine; awake for libgomp's default of 300,000 turns (milliseconds) they hold on to a core that the
one they wait for may need, and decode beside one busy program fell a hundredfold. 30,000 turns cost a few percent in
quiet, and that fall is five times less deep until the number of threads is adapted (benchmarks/threads.py).
"""

import os

SPIN_TURNS = 30_000
_OF_THE_USER = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def load_core() -> None:
    """Import llama_cpp with short waits, unless the user's environment chooses otherwise.

    The variable is gone again afterwards: child processes, other servers among them, keep their own defaults.
    Without effect on builds that use no libgomp (macOS, Windows).
    """
    chooses = not any(name in os.environ for name in _OF_THE_USER)
    if chooses:
        os.putenv("GOMP_SPINCOUNT", str(SPIN_TURNS))  # not os.environ: nobody else is to see it
    try:
        import llama_cpp  # noqa: F401 - the variable must be set first
    except Exception:  # noqa: BLE001 - `describe` tells what is wrong, and every other module raises it again
        return
    finally:
        if chooses:
            os.unsetenv("GOMP_SPINCOUNT")

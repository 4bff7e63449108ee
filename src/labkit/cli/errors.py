"""Errors at the edge of the terminal: one table from the error tree to exit codes, one way to print them."""

import sys
from collections.abc import Callable

from labkit import errors
from labkit.errors import LabkitError

# Nearest ancestor wins. 2 is the shell's "wrong usage"; the others follow sysexits.h.
EXIT_CODES: dict[type[LabkitError], int] = {
    LabkitError: 1,
    errors.InputError: 2,
    errors.InvalidModelFileError: 65,
    errors.IntegrityError: 65,
    errors.ModelNotFoundError: 66,
    errors.RequestNotFoundError: 66,
    errors.ResponseNotFoundError: 66,
    errors.UnavailableError: 69,
    errors.WorkerDiedError: 70,
    errors.NativeError: 70,
    errors.MachineError: 71,
    errors.DataFolderError: 73,
    errors.RefusedError: 77,
}
INTERRUPTED = 130
BROKEN_PIPE = 141
BUG = 70


def exit_code(error: LabkitError) -> int:
    """Exit code of the nearest ancestor of `error` in the table."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def run(command: Callable[[], object]) -> int:
    """Run `command`; returns the exit code. No traceback reaches the user unless LABKIT_DEBUG is set."""
    import os

    try:
        command()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else (0 if stop.code is None else 1)
    except LabkitError as error:
        if os.environ.get("LABKIT_DEBUG"):
            raise
        report(error)
        return exit_code(error)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except BrokenPipeError:
        return _leave_quietly()
    except Exception as error:
        if os.environ.get("LABKIT_DEBUG"):
            raise
        print(  # noqa: T201
            f"labkit has a bug: {type(error).__name__}: {error}\n"
            "  -> run the same command with LABKIT_DEBUG=1 and report what it prints",
            file=sys.stderr,
        )
        return BUG
    return 0


def report(error: LabkitError) -> None:
    """Print what is wrong and what to type next, to stderr."""
    print(f"error: {error.message}", file=sys.stderr)  # noqa: T201
    if error.hint:
        print(f"  -> {error.hint}", file=sys.stderr)  # noqa: T201


def _leave_quietly() -> int:
    # The reader of a pipe (head, less) has gone. Python would complain again while closing stdout.
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE

"""`python -m labkit` and the `labkit` console script."""

from labkit.cli.interrupts import interrupts_end_at_once


def main() -> None:
    """Import the commands and run one."""
    with interrupts_end_at_once():
        from labkit.cli import app
    app.main()


if __name__ == "__main__":
    main()

"""`python -m labkit` and the `labkit` console script."""

from labkit.cli.app import main

if __name__ == "__main__":
    main()

"""Both tables know every error, and every error keeps what it was given."""

import inspect

import pytest

from labkit import errors
from labkit.cli import errors as cli_errors

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
TREE = [kind for kind in CLASSES if issubclass(kind, errors.LabkitError)]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_drawn_tree(kind):
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code_that_says_failure(kind):
    error = kind.__new__(kind)
    assert 0 < cli_errors.exit_code(error) < 126

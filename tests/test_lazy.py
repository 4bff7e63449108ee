"""Names that a package loads when they are used."""

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("labkit.estimate", "labkit.hardware", "labkit.hub")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_found(package):
    module = import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", PACKAGES)
def test_another_name_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="no attribute 'telepathy'"):
        import_module(package).telepathy  # noqa: B018


def test_a_recommendation_loads_neither_training_nor_the_network():
    program = (
        "import sys, labkit.recommend, labkit.store\n"
        "print(*(n for n in ('labkit.estimate.training', 'labkit.hub.transfer', 'httpx', 'numpy') if n in sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []

import pytest

from labkit import resources


@pytest.mark.parametrize("name", ["hardware_profiles", "recipes", "benchmarks/scenarios"])
def test_every_shipped_folder_is_found(name):
    assert resources.data_folder(name).is_dir()


def test_an_unknown_folder_is_a_broken_installation():
    with pytest.raises(FileNotFoundError, match="nonsense"):
        resources.data_folder("nonsense")

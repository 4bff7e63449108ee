"""What a user gets from the wheel: every shipped data file inside the package, and a program that finds them."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = {"hardware_profiles": "*.toml", "recipes": "*.yaml"}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The built wheel, unpacked into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("labkit-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_data_file_is_in_the_wheel(unpacked):
    for name, pattern in DATA.items():
        shipped = {path.name for path in (ROOT / name).glob(pattern)}
        assert shipped
        assert {path.name for path in (unpacked / "labkit" / "_data" / name).glob(pattern)} == shipped
    assert (unpacked / "labkit" / "_data" / "benchmarks" / "scenarios").is_dir()


def test_the_embedded_model_is_in_the_wheel(unpacked):
    (model,) = unpacked.rglob("*.gguf")
    assert model.stat().st_size <= 8 * 1024 * 1024


def test_nothing_but_labkit_becomes_importable(unpacked):
    assert {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")} == {"labkit"}


def test_an_installed_labkit_finds_its_data(unpacked, tmp_path):
    code = """
import labkit
from labkit.cli.app import app
app(["recommend", "--profile", "rtx-4090-24gb", "--top", "1"], standalone_mode=False)
print(labkit.__file__)
"""
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "LABKIT_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert str(unpacked) in result.stdout
    assert "already here" in result.stdout

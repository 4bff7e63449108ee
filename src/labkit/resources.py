"""Where the shipped data files are, in a wheel and in an editable checkout alike."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def data_folder(name: str) -> Path:
    """Folder of shipped data: "hardware_profiles", "recipes" or "benchmarks/scenarios".

    A wheel carries it inside the package; an editable install leaves it in the checkout, two levels up.
    Raises FileNotFoundError when neither exists: a broken installation, not a user's mistake.
    """
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"labkit was installed without its data folder '{name}'")


def embedded_model() -> Path:
    """The GGUF file of labkit-nano, the model that comes with labkit."""
    return _PACKAGE / "embedded" / "labkit-nano-q8_0.gguf"

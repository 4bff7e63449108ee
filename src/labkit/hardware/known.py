"""Machines that are known by name: those that come with labkit, and files in the user's own folder."""

from collections.abc import Iterable
from pathlib import Path

from labkit.errors import InputError
from labkit.hardware.document import load_profile
from labkit.hardware.profile import HardwareProfile
from labkit.hardware.tiers import FILE_NAME
from labkit.resources import data_folder
from labkit.settings import Settings

_ENDINGS = (".toml", ".json")


def shipped_profiles() -> dict[str, Path]:
    """Files of the machines that come with labkit, by name. Opens none of them."""
    return _profiles_in(data_folder("hardware_profiles"))


def known_profiles(settings: Settings) -> dict[str, Path]:
    """Files of every machine known by name; a user's file goes before a shipped one of the same name."""
    return shipped_profiles() | _profiles_in(settings.profiles_folder)


def load_shipped_profiles() -> dict[str, HardwareProfile]:
    """Every machine that comes with labkit, by name."""
    return {name: load_profile(path) for name, path in shipped_profiles().items()}


def find_profile(wanted: str, settings: Settings) -> HardwareProfile:
    """The machine of that name, of an unambiguous part of a name ("rtx-4090"), or in that file.

    Raises InputError, with the names it may have meant, and for a file that is not a profile.
    """
    known = known_profiles(settings)
    path = Path(wanted).expanduser()
    name = _words(wanted)
    if name not in known and path.is_file():
        return load_profile(path)
    names = _named(name, known)
    if len(names) == 1:
        return load_profile(known[names[0]])
    if names:
        raise InputError(f"'{wanted}' is part of the name of several machines", hint=f"one of: {', '.join(names)}")
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"name a TOML file or one of: {', '.join(sorted(known))}"
    raise InputError(f"there is no machine profile '{wanted}'", hint=hint)


def _named(name: str, known: Iterable[str]) -> list[str]:
    """The exact name; else names that begin with it; else names that hold its words in their order."""
    names = sorted(known)
    if name in names:
        return [name]
    first = [other for other in names if name and other.startswith(f"{name}-")]
    return first or [other for other in names if name and f"-{name}-" in f"-{other}-"]


def _words(text: str) -> str:
    """From "RTX 4090" to "rtx-4090"."""
    letters = (letter if letter.isalnum() or letter == "." else " " for letter in text.casefold())
    return "-".join("".join(letters).split())


def _profiles_in(folder: Path) -> dict[str, Path]:
    files = sorted(path for path in folder.glob("*") if path.suffix in _ENDINGS and path.name != FILE_NAME)
    return {path.stem: path for path in files}

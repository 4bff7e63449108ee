"""`labkit recommend`: which model to run on this machine, and why."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.cli import output
from labkit.cli import recommend_options as options
from labkit.errors import InputError, InsufficientMemoryError

if TYPE_CHECKING:
    from labkit.catalog import Catalog
    from labkit.estimate import Machine
    from labkit.hardware import HardwareProfile
    from labkit.hardware.source import SystemSource
    from labkit.recommend import Goal, Wish
    from labkit.settings import Settings


def recommend(
    goal: options.Goal = "chat",
    ctx: options.Ctx = None,
    slots: options.Slots = 1,
    min_speed: options.MinSpeed = None,
    licenses: options.Licenses = None,
    disk: options.Disk = None,
    top: options.Top = 5,
    profile: options.Profile = None,
    like: options.Like = None,
    why: options.Why = False,
    why_not: options.WhyNot = None,
    explain: options.Explain = None,
    as_json: options.AsJson = False,
) -> None:
    """Recommend models that fit this machine, by published scores, one of each lineage.

    Memory and speed are estimated before anything is downloaded. Scores are published ones, with their source.

    Example: labkit recommend --goal code --ctx 16384 --why
    """
    if why_not and explain:
        raise InputError("--why-not and --explain are two questions", hint="ask one at a time")
    if profile is not None and like is not None:
        raise InputError("--profile and --like are two machines", hint="name one")
    machine_source = _begin_detection() if profile is None and like is None else None  # before the slow imports
    from labkit.catalog import load_catalog
    from labkit.estimate import machine_from_profile
    from labkit.recommend import parse_goal
    from labkit.settings import load_settings

    wanted = parse_goal(goal)
    settings = load_settings()
    catalog = load_catalog(settings.catalog_folder)
    named = _Named(why_not or explain, catalog)
    wish = _wish(wanted, ctx, slots, min_speed, top)
    wish = _limited(wish, licenses or [], disk, catalog, settings)
    found = _profile(profile, like, machine_source, settings)
    if wish.disk_bytes is None:
        wish = replace(wish, disk_bytes=found.storage.free_bytes)
    machine = machine_from_profile(found)
    if explain:
        _explain(named, machine, wish, as_json=as_json)
    elif why_not:
        _why_not(named, machine, wish, catalog, as_json=as_json)
    else:
        _recommend(machine, wish, catalog, settings, why=why, as_json=as_json)


class _Named:
    """The model that a person asks about: looked up before the machine is, so that a typing error costs no time."""

    def __init__(self, text: str | None, catalog: "Catalog") -> None:
        from labkit.recommend import find_named

        self.model, self.quantization = find_named(text, catalog) if text else (None, None)


def _wish(goal: "Goal", ctx: int | None, slots: int, min_speed: float | None, top: int) -> "Wish":
    from labkit.recommend import Wish, default_context

    return Wish(goal, ctx or default_context(goal), min_speed, top, slots)


def _limited(wish: "Wish", licenses: list[str], disk: str | None, catalog: "Catalog", settings: "Settings") -> "Wish":
    """The wish with its licenses, the room for files where it is stated, and what is here already."""
    from labkit.catalog import parse_license_filter
    from labkit.store import present_files

    return replace(
        wish,
        licenses=parse_license_filter(licenses, (model.license for model in catalog.models)),
        disk_bytes=_room(disk) if disk else None,
        present=present_files(settings),
    )


def _room(text: str) -> int:
    from labkit.units import MIB, parse_bytes

    size = parse_bytes(text)
    if size < MIB and not any(map(str.isalpha, text)):
        raise InputError(f"--disk {text} is {size} bytes, which hold no model", hint="say the unit: --disk 20GB")
    return size


def _recommend(
    machine: "Machine", wish: "Wish", catalog: "Catalog", settings: "Settings", *, why: bool, as_json: bool
) -> None:
    from labkit import recommend as library
    from labkit.cli.recommend_report import print_ranking

    ranking = library.rank(machine, catalog, wish)
    here = library.embedded_recommendation(machine, wish)
    if as_json:
        output.print_json(library.ranking_document(ranking, here, catalog))
    else:
        print_ranking(ranking, here, catalog, settings, why=why)


def _why_not(named: _Named, machine: "Machine", wish: "Wish", catalog: "Catalog", *, as_json: bool) -> None:
    from labkit.cli.recommend_terms import print_reasons
    from labkit.recommend import rank
    from labkit.recommend.document import reasons_document
    from labkit.recommend.why_not import why_not

    if named.model is None:
        raise AssertionError("asked without a model")
    ranking = rank(machine, catalog, wish)
    words = why_not(named.model, named.quantization, ranking, catalog)
    if as_json:
        output.print_json(reasons_document(named.model.id, named.quantization, words))
    else:
        print_reasons(named.model, words, ranking)


def _explain(named: _Named, machine: "Machine", wish: "Wish", *, as_json: bool) -> None:
    from labkit.cli.recommend_terms import print_explanation
    from labkit.recommend.document import explanation_document
    from labkit.recommend.explain import explain

    if named.model is None:
        raise AssertionError("asked without a model")
    found = explain(named.model, named.quantization, machine, wish)
    if as_json:
        output.print_json(explanation_document(found))
    else:
        print_explanation(found, machine, wish)


def _begin_detection() -> "SystemSource":
    from labkit.hardware.source import begin_detection

    return begin_detection()


def _profile(
    name: str | None, like: Path | None, source: "SystemSource | None", settings: "Settings"
) -> "HardwareProfile":
    """The machine asked for: this one by default."""
    if like is not None:
        return _like(like)
    if name is None:
        return _this_machine(settings, source)
    from labkit.hardware import find_profile

    return find_profile(name, settings)


def _like(place: Path) -> "HardwareProfile":
    """A profile as `doctor --profile` or `--json` prints it, or a collection of captured texts."""
    from labkit.hardware import load_profile

    if place.suffix in (".toml", ".json") and place.is_file():
        return load_profile(place)
    from labkit.hardware.captured import detect_captured

    found = detect_captured(place).profile
    return replace(found, name=found.name or f"the machine of {place.name}")


def _this_machine(settings: "Settings", source: "SystemSource | None") -> "HardwareProfile":
    """The machine labkit runs on, with the bandwidth measured before; the first time it is measured now."""
    from labkit.hardware import detect_hardware, load_or_measure_bandwidth

    found = detect_hardware(settings, measure=False, source=source)
    if found.measured is not None:
        return found
    try:
        with output.talk().status("measuring this machine's memory, once"):
            return replace(found, measured=load_or_measure_bandwidth(settings))
    except InsufficientMemoryError:
        return found

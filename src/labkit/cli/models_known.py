"""The facts of a known model in a terminal, each with where it was read."""

from typing import TYPE_CHECKING

from labkit.cli import output
from labkit.cli.models_report import heading, memory_rows, parameters, row, shape_rows

if TYPE_CHECKING:
    from labkit.catalog import Catalog, CatalogFile, CatalogModel, Score
    from labkit.settings import Settings

_THINKING = {
    "always": "before every answer",
    "adjustable": "before every answer; how long can be set",
    "optional": "before an answer, unless told not to",
}


def print_known_facts(model: "CatalogModel", catalog: "Catalog", settings: "Settings") -> None:
    """What the catalogue knows, with sources; what it does not know is said to be unknown."""
    from labkit.store import find_downloaded, pull_command

    heading(f"{model.id}, as the catalogue of {catalog.as_of} has it")
    _license_rows(model)
    _provenance_rows(model, catalog)
    _memory(model)
    _score_rows(model, catalog)
    _file_rows(model)
    _source_rows(model, catalog)
    if find_downloaded(model, settings) is None:
        output.talk().print("\nGet it with:", soft_wrap=True)
        output.talk().print(f"  {pull_command(model)}", soft_wrap=True, markup=False)


def _license_rows(model: "CatalogModel") -> None:
    from labkit.catalog import find_license

    found = find_license(model.license)
    if found is None:
        row("license", f"{model.license}: nothing is known of it here, read it before use")
        return
    classes = ", ".join(found.classes) or "not free for every commercial use"
    row("license", f"{model.license} ({found.name}): {classes}")
    for restriction in found.restrictions:
        row("", f"- {restriction}")


def _provenance_rows(model: "CatalogModel", catalog: "Catalog") -> None:
    family = catalog.family(model)
    row("made by", model.source_repo or "unknown")
    row("released", model.release_date or "unknown")
    row("family", f"{model.family}, generation {family.generation:g} of {family.lineage}")
    row("good for", ", ".join(model.capabilities))
    if model.thinking:
        row("thinks", _THINKING[model.thinking])
    row("parameters", _parameter_line(model))


def _parameter_line(model: "CatalogModel") -> str:
    line = parameters(model)
    active, total = model.num_active_parameters, model.num_text_parameters or model.num_parameters
    if active and total and active < total:
        line += f", {active / 1e9:.1f}B of them for each token"
    if model.num_text_parameters and model.num_parameters and model.num_parameters > model.num_text_parameters:
        line += f"; {model.num_parameters / 1e9:.1f}B with vision and the rest of its repository"
    return line


def _memory(model: "CatalogModel") -> None:
    from labkit.catalog import architecture
    from labkit.estimate import weights_of_catalog

    shape = architecture(model)
    shape_rows(shape)
    if model.attention.note:
        row("", model.attention.note)
    quantization = "Q4_K_M" if not model.model_files else (model.model_files[0].quantization or "Q4_K_M")
    weights = weights_of_catalog(model, quantization)
    if weights is None:
        row("memory", "unknown: the size of its files is not in the catalogue")
    else:
        memory_rows(shape, weights)


def _score_rows(model: "CatalogModel", catalog: "Catalog") -> None:
    for number, score in enumerate(model.scores):
        row("scores" if number == 0 else "", _score(score, catalog))
    if not model.scores:
        row("scores", "no sourced score")


def _score(score: "Score", catalog: "Catalog") -> str:
    mode = f" ({score.mode})" if score.mode else ""
    other = f"; of its {score.variant} variant, ranks nothing" if score.variant else ""
    return f"{score.benchmark} {score.value:g}{mode}, from {catalog.spell_source(score.source)}{other}"


def _file_rows(model: "CatalogModel") -> None:
    label = "files"
    for file in (*model.model_files, *model.projectors):
        row(label, _file(file, model))
        label = ""
        # Not in the second column: a hash that is wrapped cannot be copied.
        output.console().print(f"{'sha256':>14} {file.sha256}", soft_wrap=True)
    if not model.files:
        row("files", "none with a known hash")
    others = [repo for repo in model.gguf_repos if repo not in {file.repo for file in model.files}]
    if others:
        row("also in", ", ".join(others))
    if model.file_patterns:
        row("named", ", ".join(model.file_patterns))


def _file(file: "CatalogFile", model: "CatalogModel") -> str:
    from labkit.catalog import uploader_words

    kind = "" if file.role == "model" else f", its {file.role}"
    native = f", trained for {file.quantization}" if file.native else ""
    revision = f"revision {file.revision}" if file.revision else "revision unknown"
    return f"{file.repo} {file.file}{kind}{native}; {uploader_words(model, file.repo)}; {revision}"


def _source_rows(model: "CatalogModel", catalog: "Catalog") -> None:
    for number, (fact, source) in enumerate(model.sources.items()):
        row("read in" if number == 0 else "", f"{fact}: {catalog.spell_sources(source)}")

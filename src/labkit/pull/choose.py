"""Which file of a repository is meant. Pure."""

from collections.abc import Sequence

from labkit.catalog import nearest
from labkit.errors import InputError
from labkit.hub import HubFile, Repository

# Without a word from the user or the catalogue: the usual trade of size and loss first.
USUAL = ("Q4_K_M", "UD-Q4_K_XL", "MXFP4", "MXFP4_MOE", "Q5_K_M", "Q4_K_S", "Q6_K", "Q8_0", "Q4_0", "BF16", "F16")


def choose_file(repository: Repository, what: str | None, preferred: Sequence[str] = ()) -> HubFile:
    """The model file that `what` names: a path, a file name, or a quantization; the first part of one in parts.

    Where `what` is None, `preferred` quantizations are taken first, best first, and then the usual ones.
    Raises InputError that lists what is there.
    """
    models = repository.models
    if not models:
        raise InputError(f"{repository.name} has no GGUF file", hint=_no_gguf_hint(repository))
    if what is None:
        return _by_preference(models, (*preferred, *USUAL))
    wanted = what.casefold()
    for matches in (
        [file for file in models if wanted in (file.path.casefold(), file.name.casefold())],
        [file for file in models if wanted in (file.stem.casefold(), f"{file.stem}.gguf".casefold())],
        [file for file in models if file.quantization and file.quantization.casefold() == wanted],
        [file for file in models if file.quantization and file.quantization.casefold() == f"ud-{wanted}"],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            listed = " or ".join(file.path for file in matches[:6])
            raise InputError(f"several files of {repository.name} are '{what}'", hint=f"name one: {listed}")
    raise _nothing_matches(repository, what)


def find_projector(repository: Repository) -> HubFile | None:
    """The file that lets the model see: f16 before bf16 before others; None when there is none."""
    found = [file for file in repository.files if file.role == "projector"]
    order = {"F16": 0, "BF16": 1, "Q8_0": 2}
    return min(found, key=lambda file: (order.get(file.quantization or "", 3), file.path), default=None)


def quantizations(repository: Repository) -> tuple[str, ...]:
    """What can be chosen, in the hub's order, each once."""
    return tuple(dict.fromkeys(file.quantization for file in repository.models if file.quantization))


def _by_preference(models: Sequence[HubFile], preferred: Sequence[str]) -> HubFile:
    for wanted in preferred:
        for file in models:
            if file.quantization == wanted.upper():
                return file
    return min(models, key=lambda file: (file.size_bytes or 0, file.path))


def _nothing_matches(repository: Repository, what: str) -> InputError:
    names = [*quantizations(repository), *(file.path for file in repository.models)]
    near = nearest(what, names)
    listed = f"did you mean {' or '.join(near)}?" if near else f"there is: {', '.join(names[:12])}"
    return InputError(f"{repository.name} has no file or quantization '{what}'", hint=listed)


def _no_gguf_hint(repository: Repository) -> str:
    if any(file.path.endswith((".safetensors", ".bin")) for file in repository.files):
        name = repository.name.partition("/")[2]
        return f"it holds weights for training; look for a repository named like {name}-GGUF"
    return "name a repository with .gguf files"

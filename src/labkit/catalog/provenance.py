"""Who uploaded a file: the model's maker, the authors of llama.cpp, or somebody else.

Anyone may upload a file under a model's name. What is known here is the account in the repository's name; a file that
is not the maker's own is only as good as its uploader, and its hash says no more than that it is that upload.
"""

from typing import Literal

from labkit.catalog.types import CatalogFile, CatalogModel

Uploader = Literal["maker", "llama.cpp", "community", "unknown"]
LLAMA_CPP_ACCOUNT = "ggml-org"


def uploader(model: CatalogModel, repo: str) -> Uploader:
    """Whose repository this is, by its account."""
    if model.source_repo is None:
        return "unknown"
    account = _account(repo)
    if account == _account(model.source_repo):
        return "maker"
    return "llama.cpp" if account == LLAMA_CPP_ACCOUNT else "community"


def uploader_words(model: CatalogModel, repo: str) -> str:
    """The same in words, such as "a re-upload by bartowski, not by google"."""
    account = repo.split("/")[0]
    maker = (model.source_repo or "?").split("/")[0]
    match uploader(model, repo):
        case "maker":
            return f"uploaded by {account}, who made the model"
        case "llama.cpp":
            return f"converted by llama.cpp's authors ({account}), not by {maker}"
        case "community":
            return f"a re-upload by {account}, not by {maker}"
    return f"uploaded by {account}; who made the model is not known"


def by_trust(model: CatalogModel, files: tuple[CatalogFile, ...]) -> tuple[CatalogFile, ...]:
    """The maker's own files first, then llama.cpp's, then others; each in the catalogue's order."""
    order: tuple[Uploader, ...] = ("maker", "llama.cpp", "community", "unknown")
    return tuple(sorted(files, key=lambda file: order.index(uploader(model, file.repo))))


def _account(repo: str) -> str:
    return repo.split("/")[0].casefold()

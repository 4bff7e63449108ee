"""How a person names something on a hub: `hf:org/repo:Q4_K_M@revision`, or the address of its web page. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from labkit.errors import InputError

PREFIX = "hf:"
DEFAULT_REVISION = "main"
_EXAMPLE = "write it like hf:org/repo, hf:org/repo:Q4_K_M or hf:org/repo:file.gguf@revision"
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPO = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+ -]*(/[A-Za-z0-9_][A-Za-z0-9._+ -]*){0,5}")
_KNOWN_HOSTS = ("huggingface.co", "hf.co", "www.huggingface.co")


@dataclass(frozen=True, slots=True)
class HubName:
    """What a person asked for. `what` is a file or a quantization, None for "the best one"."""

    repo: str
    what: str | None = None
    revision: str = DEFAULT_REVISION

    def __str__(self) -> str:
        """As a person would type it."""
        what = f":{self.what}" if self.what else ""
        revision = f"@{self.revision}" if self.revision != DEFAULT_REVISION else ""
        return f"{PREFIX}{self.repo}{what}{revision}"


def is_hub_name(text: str) -> bool:
    """Whether `text` is meant as a name on a hub, right or wrong."""
    return text.startswith(("hf:", "hf://", "http://", "https://")) or is_place(text)


def is_place(text: str) -> bool:
    """Whether `text` has the form of a repository's place, "org/repo" or "org/repo:Q4_K_M", without a prefix."""
    return _REPO.fullmatch(re.split("[:@]", text, maxsplit=1)[0]) is not None


def parse_hub_name(text: str, endpoint: str = "https://huggingface.co") -> HubName:
    """The repository, file and revision that `text` means. Raises InputError with an example.

    Args:
        text: `hf:org/repo[:file-or-quantization][@revision]`, `hf://org/repo[@revision][/file]`, or an address.
        endpoint: the hub in use; addresses of another host are refused.
    """
    if text.startswith(("http://", "https://")):
        return _from_address(text, endpoint)
    if text.startswith("hf://"):
        return _from_uri(text)
    rest, at, revision = text.removeprefix(PREFIX).partition("@")
    repo, colon, what = rest.partition(":")
    if (at and not revision) or (colon and not what):
        raise InputError(f"'{text}' ends too early", hint=_EXAMPLE)
    return _checked(text, repo, what or None, revision or DEFAULT_REVISION)


def _from_uri(text: str) -> HubName:
    parts = text.removeprefix("hf://").removeprefix("models/").split("/", 2)
    if len(parts) < 2:
        raise InputError(f"'{text}' names no repository", hint=_EXAMPLE)
    name, _, revision = parts[1].partition("@")
    return _checked(text, f"{parts[0]}/{name}", parts[2] if len(parts) > 2 else None, revision or DEFAULT_REVISION)


def _from_address(text: str, endpoint: str) -> HubName:
    url = urlsplit(text)
    own = urlsplit(endpoint).netloc.rpartition("@")[2].casefold()
    if url.netloc.casefold() not in {own, *_KNOWN_HOSTS}:
        raise InputError(
            f"{url.netloc or text} is not the hub that labkit uses ({own})",
            hint="pull from there by setting HF_ENDPOINT, or download the file and name it: labkit pull ./file.gguf",
        )
    parts = [unquote(part) for part in url.path.strip("/").split("/")]
    if parts[:1] in (["datasets"], ["spaces"]):
        raise InputError(f"{text} is not a model", hint=_EXAMPLE)
    repo, rest = "/".join(parts[:2]), parts[2:]
    if rest and rest[0] in ("blob", "resolve", "tree", "raw") and len(rest) >= 2:
        return _checked(text, repo, "/".join(rest[2:]) or None, rest[1])
    return _checked(text, repo, None, DEFAULT_REVISION)


def _checked(text: str, repo: str, what: str | None, revision: str) -> HubName:
    problem = ""
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo:
        problem = f"'{repo}' is not the name of a repository"
    elif what is not None and (not _FILE.fullmatch(what) or ".." in what):
        problem = f"'{what}' is not the name of a file or a quantization"
    elif not _REVISION.fullmatch(revision) or ".." in revision:
        problem = f"'{revision}' is not a branch, a tag or a commit"
    if problem:
        raise InputError(f"{problem} (in '{text}')" if problem[1:-1] != text else problem, hint=_EXAMPLE)
    return HubName(repo, what, revision)

"""The hub through its own client: what a repository has, and where the bytes of a file are.

huggingface_hub reads HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and the proxies of the environment; its errors are
translated here. It is imported late: it costs half a second.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from labkit.errors import ConnectionFailedError, InputError, ModelNotFoundError, RefusedError, UnavailableError
from labkit.hub.addresses import origin, require_allowed, without_password
from labkit.hub.types import HubFile, Location, Repository

if TYPE_CHECKING:
    import httpx2

_TIMEOUT_SECONDS = 20.0


def endpoint() -> str:
    """Address of the hub in use, without a slash at its end."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def _shown_endpoint() -> str:
    return without_password(endpoint())


def is_offline() -> bool:
    """Whether the environment forbids the network (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return constants.is_offline_mode()


def fetch_repository(name: str, revision: str) -> Repository:
    """A repository at the commit that `revision` means now, with the sizes and hashes of its files. Blocks.

    Raises ModelNotFoundError, InputError for an unknown revision, RefusedError for a gated or private one,
    UnavailableError when the hub cannot be reached or is busy.
    """
    from huggingface_hub import HfApi

    session()  # with our rules
    with _translated(name, revision):
        info = HfApi(endpoint()).model_info(name, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS)
    files = (
        HubFile(sibling.rfilename, sibling.size, sibling.lfs.sha256 if sibling.lfs else None)
        for sibling in info.siblings or ()
    )
    if not info.sha:
        raise UnavailableError(f"the hub names no commit of {name}", hint="try again later")
    card = getattr(info, "card_data", None)
    stated = getattr(card, "license", None)
    return Repository(
        name=info.id or name,
        revision=revision,
        commit=info.sha,
        files=tuple(files),
        license=stated if isinstance(stated, str) else None,
        gated=bool(info.gated),
    )


def locate(repository: Repository, file: HubFile) -> Location:
    """Where the bytes of `file` are, at the repository's commit. Blocks.

    Raises what `fetch_repository` does.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repository.name, file.path, revision=repository.commit)
    session()  # with our rules
    with _translated(repository.name, repository.commit):
        found = get_hf_file_metadata(url, timeout=_TIMEOUT_SECONDS)
    size = found.size if found.size is not None else file.size_bytes
    if size is None:
        raise UnavailableError(f"the hub does not say how large {file.path} is", hint="try again later")
    etag = found.etag or ""
    sha256 = etag if len(etag) == 64 and all(digit in "0123456789abcdef" for digit in etag) else None
    return Location(found.location, size, sha256 or file.sha256, on_hub=_is_hub(found.location))


def _is_hub(url: str) -> bool:
    import httpx2

    try:
        return origin(httpx2.URL(url)) == origin(httpx2.URL(endpoint()))
    except httpx2.InvalidURL:  # who opens it says so
        return False


def token_headers() -> dict[str, str]:
    """The authorization for the hub itself; empty without a token. For no other host."""
    from huggingface_hub import get_token

    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def session() -> "httpx2.Client":
    """The client that huggingface_hub uses, with its proxies and certificates, and two rules of our own.

    The token goes to the hub in use alone, also when that one redirects; redirects are looked at before they are
    followed.
    """
    from huggingface_hub.utils import get_session

    client = get_session()
    hooks = client.event_hooks
    if _keep_token not in hooks["request"]:
        client.event_hooks = {
            "request": [*hooks["request"], _keep_token],
            "response": [*hooks["response"], _look_at_redirect],
        }
    return client


def _keep_token(request: "httpx2.Request") -> None:
    import httpx2

    if origin(request.url) != origin(httpx2.URL(endpoint())):
        request.headers.pop("Authorization", None)


def _look_at_redirect(response: "httpx2.Response") -> None:
    if response.has_redirect_location:
        require_allowed(urljoin(str(response.url), response.headers["Location"]), endpoint())


@contextlib.contextmanager
def _translated(name: str, revision: str) -> Iterator[None]:
    """huggingface_hub's and the network's errors as labkit's."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise RefusedError(f"{name} is gated: its owner gives access on request", hint=_ask_for_access(name)) from error
    except errors.RevisionNotFoundError as error:
        hint = f"see its branches and commits on {_shown_endpoint()}/{name}/tree/main"
        raise InputError(f"{name} has no revision '{revision}'", hint=hint) from error
    except errors.EntryNotFoundError as error:
        raise InputError(f"{name} has no such file at {revision}", hint=f"see {_shown_endpoint()}/{name}") from error
    except errors.RepositoryNotFoundError as error:
        raise _unknown_repository(name) from error
    except errors.OfflineModeIsEnabled as error:
        raise UnavailableError(
            "HF_HUB_OFFLINE forbids the network",
            hint="unset HF_HUB_OFFLINE, or see what is here: labkit ls",
        ) from error
    except errors.HfHubHTTPError as error:
        raise _http_problem(name, error) from error
    except errors.HFValidationError as error:
        raise InputError(f"'{name}' is not the name of a repository", hint="write it like hf:org/repo") from error
    except httpx2.InvalidURL as error:
        raise InputError(f"HF_ENDPOINT is no web address: {error}", hint="unset it, or correct it") from error
    except httpx2.HTTPError as error:
        raise ConnectionFailedError(
            f"the hub at {_shown_endpoint()} cannot be reached: {error or type(error).__name__}",
            hint="check the network, and HF_ENDPOINT and HTTPS_PROXY if they are set",
        ) from error


def _unknown_repository(name: str) -> ModelNotFoundError:
    hint = f"check its spelling on {_shown_endpoint()}/models?search={name.rpartition('/')[2]}"
    if not token_headers():
        hint += "; if it is private: hf auth login"
    return ModelNotFoundError(name, message=f"the hub has no repository {name}", hint=hint)


def _ask_for_access(name: str) -> str:
    hint = f"ask for it on {_shown_endpoint()}/{name}"
    return hint if token_headers() else f"{hint}, then type: hf auth login"


def _http_problem(name: str, error: "Exception") -> Exception:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status in (401, 403):
        return RefusedError(f"the hub refuses access to {name}", hint="type: hf auth login, or check HF_TOKEN")
    if status == 429:
        wait = response.headers.get("Retry-After") if response is not None else None
        return UnavailableError(
            "the hub is asked too often from here", hint=f"try again in {wait} s" if wait else "try again in a minute"
        )
    return UnavailableError(f"the hub answers with {status or 'an error'}", hint="try again later")

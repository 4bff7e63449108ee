"""`labkit keys`: who may use endpoints of this machine, and how much."""

import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli import output
from labkit.cli.moments import parse_moment
from labkit.errors import InputError

if TYPE_CHECKING:
    from labkit.access.key_file import KeyFile
    from labkit.access.keys import ApiKey, Budget

app = typer.Typer(
    name="keys", help="API keys: who may use endpoints of this machine, and how much.", no_args_is_help=True,
    rich_markup_mode=None,
)  # fmt: skip

Name = Annotated[str, typer.Argument(metavar="NAME", help="The key's name, or its id.")]
Rpm = Annotated[int | None, typer.Option("--rpm", min=0, help="Requests per minute.")]
Rpd = Annotated[int | None, typer.Option("--rpd", min=0, help="Requests per day.")]
Tpm = Annotated[int | None, typer.Option("--tpm", min=0, help="Tokens per minute, of prompts and answers.")]
Tpd = Annotated[int | None, typer.Option("--tpd", min=0, help="Tokens per day.")]
Concurrency = Annotated[int | None, typer.Option("--concurrency", min=0, help="Requests at once.")]
Tenant = Annotated[
    str | None, typer.Option(help="Keys of one tenant share cached prompts; without one a key shares none.")
]
Models = Annotated[str | None, typer.Option(help="Models it may use, as 'nano,qwen3-*'.  [default: all]")]
Expires = Annotated[str | None, typer.Option(metavar="WHEN", help="A date (2027-01-31) or a time from now (12h, 30d).")]
_LABELS = {
    "requests_per_minute": ("requests/min", "rpm"),
    "requests_per_day": ("requests/day", "rpd"),
    "tokens_per_minute": ("tokens/min", "tpm"),
    "tokens_per_day": ("tokens/day", "tpd"),
    "concurrent_requests": ("at once", "at once"),
}


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what for.")],
    rpm: Rpm = None,
    tpm: Tpm = None,
    rpd: Rpd = None,
    tpd: Tpd = None,
    concurrency: Concurrency = None,
    tenant: Tenant = None,
    expires: Expires = None,
    models: Models = None,
    as_json: bool = typer.Option(False, "--json", help="Print the key and its limits as JSON."),
) -> None:
    """Make an API key, and print it. It is shown this once: only its hash is kept.

    Running endpoints accept it at once.

    Example: labkit keys create ada --rpm 60 --tpd 500000
    """
    from labkit.access.keys import Budget

    budget = Budget(**_budget_fields(rpm, tpm, rpd, tpd, concurrency))
    key, text = _key_file().create(
        name,
        budget=budget,
        tenant=tenant or "",
        models=_patterns(models) or (),
        expires_at=None if expires is None else _expiry(expires),
    )
    if as_json:
        output.print_json({"key": text, **_shown(key)})
        return
    output.console().print(text, soft_wrap=True, markup=False)
    output.talk().print(f"This is the key of {key.name}. It is not shown again.", markup=False)
    output.talk().print(f"Limits: {_limits(key.budget)}", markup=False)


@app.command("list")
def list_keys(as_json: bool = typer.Option(False, "--json", help="Print them as JSON.")) -> None:
    """List the keys: names, limits, and until when they are good.

    Example: labkit keys list
    """
    from rich.table import Table
    from rich.text import Text

    keys = _key_file().read()
    if as_json:
        output.print_json([_shown(key) for key in keys])
        return
    if not keys:
        output.talk().print("There are no keys. Make one with: labkit keys create NAME")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Id", "Made", "Expires", "Tenant", "Models", "Limits"):
        table.add_column(heading, no_wrap=heading in ("Id", "Made", "Expires"))
    for key in keys:
        expires = "never" if key.expires_at is None else _date(key.expires_at)[:10]
        state = " (over)" if key.is_expired(time.time()) else ""
        models = ", ".join(key.models) or "all"
        texts = (key.name, key.id, _date(key.created_at)[:10], expires + state, key.tenant or "-", models)
        table.add_row(*map(Text, texts), _limits(key.budget, short=True))
    output.console().print(table)


@app.command("show")
def show_key(name: Name, as_json: bool = typer.Option(False, "--json", help="Print it as JSON.")) -> None:
    """Show one key's limits, and what it used in the last 24 hours.

    Example: labkit keys show ada
    """
    from labkit.access.key_file import find_named
    from labkit.access.policy import LEDGER_FILE
    from labkit.access.usage import sum_usage
    from labkit.settings import load_settings

    key = find_named(_key_file().read(), name)
    sums = sum_usage(load_settings().access_folder / LEDGER_FILE, "key", since=time.time() - 86_400)
    used = [one for one in sums if one.key_id == key.id]
    num_requests = sum(one.num_requests for one in used)
    num_tokens = sum(one.prompt_tokens + one.completion_tokens for one in used)
    if as_json:
        output.print_json({**_shown(key), "last_day": {"num_requests": num_requests, "num_tokens": num_tokens}})
        return
    facts = {
        "name": key.name,
        "id": key.id,
        "made": _date(key.created_at),
        "expires": "never" if key.expires_at is None else _date(key.expires_at),
        "tenant": key.tenant or "its own",
        "models": ", ".join(key.models) or "all",
        "limits": _limits(key.budget),
        "last 24 h": f"{num_requests:,} requests, {num_tokens:,} tokens",
    }
    for label, text in facts.items():
        output.console().print(f"{label:<10} {text}", markup=False, soft_wrap=True)


@app.command("edit")
def edit_key(
    name: Name,
    rpm: Rpm = None,
    tpm: Tpm = None,
    rpd: Rpd = None,
    tpd: Tpd = None,
    concurrency: Concurrency = None,
    unlimited: bool = typer.Option(False, "--unlimited", help="First take all its limits away."),
    tenant: Tenant = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="A date (2027-01-31), a time from now (30d), or never.")
    ] = None,
    models: Annotated[str | None, typer.Option(help="Models it may use, as 'nano,qwen3-*', or all.")] = None,
) -> None:
    """Change a key's limits; what is not named stays. Running endpoints follow at once.

    Example: labkit keys edit ada --rpm 120 --expires 30d
    """
    from labkit.access.key_file import find_named
    from labkit.access.keys import Budget

    file = _key_file()
    given = _budget_fields(rpm, tpm, rpd, tpd, concurrency)
    before = find_named(file.read(), name)
    changes: dict[str, Any] = {}
    if given or unlimited:
        changes["budget"] = replace(Budget() if unlimited else before.budget, **given)
    if tenant is not None:
        changes["tenant"] = tenant
    if expires is not None:
        changes["expires_at"] = None if expires == "never" else _expiry(expires)
    if models is not None:
        changes["models"] = () if models == "all" else _patterns(models)
    if not changes:
        raise InputError("nothing is to be changed", hint=f"labkit keys edit {name} --rpm 60; see labkit keys edit -h")
    key = file.edit(name, **changes)
    output.talk().print(f"{key.name}: {_limits(key.budget)}", markup=False)


@app.command("revoke")
def revoke_key(name: Name) -> None:
    """Take a key back: every endpoint refuses it from now on.

    Example: labkit keys revoke ada
    """
    key = _key_file().revoke(name)
    output.talk().print(f"{key.name} ({key.id}) is revoked", markup=False)


def _key_file() -> "KeyFile":
    from labkit.access.key_file import KeyFile
    from labkit.access.policy import KEYS_FILE
    from labkit.settings import load_settings

    return KeyFile(load_settings().access_folder / KEYS_FILE)


def _budget_fields(
    rpm: int | None, tpm: int | None, rpd: int | None, tpd: int | None, concurrency: int | None
) -> dict[str, int]:
    given = {
        "requests_per_minute": rpm,
        "tokens_per_minute": tpm,
        "requests_per_day": rpd,
        "tokens_per_day": tpd,
        "concurrent_requests": concurrency,
    }
    return {name: value for name, value in given.items() if value is not None}


def _patterns(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _expiry(text: str) -> float:
    """Seconds since the epoch. Raises InputError for what is no time, or is over."""
    moment = parse_moment(text, option="--expires", sign=1)
    if moment <= time.time():
        raise InputError(f"--expires {text} is over", hint="give a time that is to come")
    return moment


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def _limits(budget: "Budget", *, short: bool = False) -> str:
    values = {field.name: getattr(budget, field.name) for field in fields(budget)}
    given = [f"{values[name]:,} {words[short]}" for name, words in _LABELS.items() if values[name] is not None]
    return ", ".join(given) or "none"


def _shown(key: "ApiKey") -> dict[str, Any]:
    """What may be seen of a key: all but its hash."""
    return {name: value for name, value in output.plain(key).items() if name != "digest"}

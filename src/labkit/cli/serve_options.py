"""Options of `labkit serve`, in groups and in the order of its help; each has the name of its key in the file.

The defaults are those of EngineConfig and of the other values they shape: what is not typed stays None.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from labkit.units import parse_bytes, parse_seconds

# "none" and "rank" are no choices here: the API returns one vector per input, and a head that ranks says so itself.
PoolingKind = Literal["mean", "cls", "last"]
Texts = list[str] | None
Size = int | None
Flag = bool | None


def _size(help_text: str) -> typer.models.OptionInfo:
    return typer.Option(parser=parse_bytes, metavar="SIZE", help=help_text)


def _duration(help_text: str) -> typer.models.OptionInfo:
    return typer.Option(parser=parse_seconds, metavar="TIME", help=help_text)


@dataclass(frozen=True, slots=True)
class EndpointFlags:
    """Where it listens, and which models are in memory."""

    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.  [default: 8642]")] = None
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None
    all: Annotated[
        Flag, typer.Option("--all/--no-all", help="Serve every model on this machine, beside the named ones.")
    ] = None
    preload: Annotated[
        Flag, typer.Option("--preload/--no-preload", help="Load all named models at the start, and keep them.")
    ] = None
    keep_alive: Annotated[
        float | None, _duration("How long a model stays without a request: 90s, 5m, forever.  [default: 5m]")
    ] = None
    memory_limit: Annotated[
        Size,
        _size(
            "Most that all models may take together, as 12GiB; an eighth more may hold finished requests, if "
            "--host-cache says nothing.  [default: what the machine has]"
        ),
    ] = None
    drain: Annotated[
        float | None, _duration("How long running answers may go on after the first signal to stop.  [default: 30s]")
    ] = None


@dataclass(frozen=True, slots=True)
class NameFlags:
    """Further names that clients may use."""

    adapter: Annotated[
        Texts, typer.Option(metavar="[MODEL/]NAME=PATH", help="A LoRA adapter; its name is a model, too. Repeatable.")
    ] = None
    alias: Annotated[Texts, typer.Option(metavar="NAME=MODEL", help="Another name of a model. Repeatable.")] = None


@dataclass(frozen=True, slots=True)
class EngineFlags:
    """Size of the engines."""

    ctx: Annotated[
        int | None,
        typer.Option(
            min=64, help="Tokens of context that all running requests share.  [default: the model's, 8192 at most]"
        ),
    ] = None
    slots: Annotated[int | None, typer.Option(min=1, max=256, help="Requests that run at once.  [default: 8]")] = None
    threads: Annotated[int | None, typer.Option(min=1, max=512, help="CPU threads.  [default: measured]")] = None
    gpu_layers: Annotated[int | None, typer.Option(min=-1, help="Layers on the GPU; -1 for all.  [default: -1]")] = None
    itl_target: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            help="Longest step while prompts are read beside running answers.  [default: 0.5]",
        ),
    ] = None
    cached_slots: Annotated[
        int | None, typer.Option(min=0, max=255, help="Finished requests kept for reuse.  [default: by the model]")
    ] = None
    cache_size: Annotated[Size, _size("Most KV cells of those, as 512MiB.  [default: none on a processor]")] = None
    host_cache: Annotated[Size, _size("Memory beside the KV cells for them.  [default: 1GiB at most]")] = None
    disk_cache: Annotated[Size, _size("Disk for the same, which survives a restart.  [default: none]")] = None
    disk_cache_folder: Annotated[
        Path | None,
        typer.Option(file_okay=False, resolve_path=True, help="Where.  [default: prefixes in labkit's data folder]"),
    ] = None
    audit_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of cache hits computed again to compare.  [default: 0]")
    ] = None
    max_waiting: Annotated[
        int | None, typer.Option(min=0, help="Requests that may wait; one more gets 429.  [default: 64]")
    ] = None
    max_wait: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="SECONDS", help="Longest wait before a 429.  [default: no limit]"),
    ] = None
    speculation: Annotated[
        Literal["off", "prompt", "draft"] | None,
        typer.Option(
            help="Propose tokens: from the text so far where that pays, or by a small model.  [default: prompt]"
        ),
    ] = None
    draft_model: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            resolve_path=True,
            help="GGUF file of the small model (implies --speculation draft).",
        ),
    ] = None
    embeddings: Annotated[
        Flag,
        typer.Option(
            "--embeddings/--no-embeddings",
            help="Give embeddings too, from chat models; embedding models always do.",
        ),
    ] = None
    pooling: Annotated[
        PoolingKind | None,
        typer.Option(help="How token vectors become one (implies --embeddings).  [default: the model's]"),
    ] = None
    engine: Annotated[
        Literal["native", "echo"] | None,
        typer.Option(
            help="'echo' computes nothing, the answer is the prompt: for tests of clients.  [default: native]"
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class AccessFlags:
    """Who may use it."""

    require_key: Annotated[
        Flag,
        typer.Option(
            "--require-key/--no-require-key",
            help="Refuse requests without an API key (labkit keys create); on other addresses than loopback always so.",
        ),
    ] = None
    host_names: Annotated[
        Texts,
        typer.Option("--host-name", metavar="NAME", help="A name clients may use for this machine. Repeatable."),
    ] = None
    origins: Annotated[
        Texts,
        typer.Option("--origin", metavar="URL", help="A web page that may call from a browser. Repeatable."),
    ] = None
    keep_usage: Annotated[
        Flag, typer.Option("--keep-usage/--no-keep-usage", help="Write what requests used down.  [default: yes]")
    ] = None


@dataclass(frozen=True, slots=True)
class ObservingFlags:
    """What it tells of its requests."""

    log_format: Annotated[
        Literal["text", "json"] | None,
        typer.Option(help="Of the endpoint's log: lines for people, or a JSON object each.  [default: text]"),
    ] = None
    traces: Annotated[
        Flag,
        typer.Option(
            "--otel/--no-otel",
            help="Send OpenTelemetry traces; OTEL_EXPORTER_OTLP_ENDPOINT says where, and implies this.",
        ),
    ] = None
    explain_prompts: Annotated[
        Flag,
        typer.Option(
            "--explain-prompts/--no-explain-prompts", help="Keep the last prompts in memory, for `labkit explain`."
        ),
    ] = None

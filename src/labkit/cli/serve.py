"""`labkit serve`: an OpenAI endpoint for one or several models."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli import output
from labkit.cli import serve_options as options
from labkit.cli.interrupts import interrupts_end_at_once

if TYPE_CHECKING:
    from labkit.api import ModelCard
    from labkit.engine.types import EngineConfig
    from labkit.serving import ServeEvent, Serving
    from labkit.serving.plan import ServedModel


def serve(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help="Names of models, or paths of .gguf files; 'nano' comes with labkit."),
    ],
    port: int | None = typer.Option(None, min=0, max=65535, help="Port; 0 takes a free one.  [default: 8642]"),
    host: str | None = typer.Option(None, help="Loopback address to listen on.  [default: 127.0.0.1]"),
    ctx: options.Ctx = None,
    slots: options.Slots = None,
    threads: options.Threads = None,
    gpu_layers: options.GpuLayers = None,
    itl_target: options.ItlTarget = None,
    cached_slots: options.CachedSlots = None,
    cache_size: options.CacheSize = None,
    host_cache: options.HostCache = None,
    disk_cache: options.DiskCache = None,
    disk_cache_folder: options.DiskCacheFolder = None,
    audit_share: options.AuditShare = None,
    max_waiting: options.MaxWaiting = None,
    max_wait: options.MaxWait = None,
    speculation: options.Speculation = None,
    draft_model: options.DraftModel = None,
    adapter: options.Adapters = None,
    embeddings: options.Embeddings = False,
    pooling: options.Pooling = None,
    log_format: options.LogFormatKind = "text",
    otel: options.Traces = False,
    explain_prompts: options.ExplainPrompts = False,
    engine_kind: options.Engine = None,
    as_json: bool = typer.Option(False, "--json", help="When ready, print one JSON object with the URL."),
) -> None:
    """Serve models to OpenAI clients until Ctrl-C.

    Each model runs in a process of its own: when that one crashes, it is restarted, and the endpoint stays up.

    Example: labkit serve nano --port 0
    """
    with interrupts_end_at_once():
        from labkit.serving import Observing, plan_endpoint
        from labkit.serving import serve as run_endpoint
        from labkit.settings import load_settings

    settings = load_settings()
    observing = Observing(log_format, traces=otel, explain_prompts=explain_prompts)
    if note := observing.note():
        _say(note)
    engine = _engine(
        context_tokens=ctx,
        num_slots=slots,
        num_threads=threads,
        gpu_layers=gpu_layers,
        itl_target_seconds=itl_target,
        cached_slots=cached_slots,
        cache_bytes=_bytes(cache_size),
        host_cache_bytes=_bytes(host_cache),
        disk_cache_bytes=_bytes(disk_cache),
        disk_cache_folder=(disk_cache_folder or settings.prefixes_folder).absolute() if disk_cache else None,
        audit_share=audit_share,
        max_waiting=max_waiting,
        max_wait_seconds=max_wait,
        speculation=speculation or ("draft" if draft_model else None),
        draft_model=draft_model and draft_model.absolute(),
        embeddings=embeddings or None,
        pooling=pooling,
        engine=engine_kind,
    )
    plan = plan_endpoint(models, settings, host=host, port=port, engine=engine, adapters=_adapters(adapter))
    run_endpoint(replace(plan, observing=observing), lambda event: _tell(event, as_json))


def _engine(**fields: Any) -> "EngineConfig":
    from labkit.engine.types import EngineConfig

    return EngineConfig(**{name: value for name, value in fields.items() if value is not None})


def _bytes(text: str | None) -> int | None:
    from labkit.units import parse_bytes

    return None if text is None else parse_bytes(text)


def _adapters(texts: list[str] | None) -> tuple[tuple[str, Path], ...]:
    return tuple(_adapter(text) for text in texts or ())


def _adapter(text: str) -> tuple[str, Path]:
    from labkit.errors import InputError

    name, _, path = text.partition("=")
    if not name or not Path(path).is_file():
        raise InputError(f"--adapter {text}: there is no such file", hint="write it as --adapter NAME=FILE.gguf")
    return name, Path(path)


def _tell(event: "ServeEvent", as_json: bool) -> None:
    from labkit.serving import Draining, Loading, Serving

    if as_json:
        if isinstance(event, Serving):
            output.print_json(event)
        return
    match event:
        case Loading(models=models):
            for model in models:
                facts = _facts(model.facts.quantization, model.facts.file_bytes)
                _say(f"loading {model.ref.name} ({facts}){_expected(model)}")
        case Serving():
            _tell_serving(event)
        case Draining(num_running=0):
            _say("stopping")
        case Draining(num_running=num_running):
            _say(f"stopping: waiting for {num_running} running request(s); Ctrl-C again drops them")


def _expected(model: "ServedModel") -> str:
    """The memory it will take, and how that is known."""
    from labkit.units import render_bytes

    if model.estimate is None or model.estimate.memory is None:
        return ""
    memory = model.estimate.memory
    if model.estimate.trust == "native sizing":
        return f": {render_bytes(memory.high)} of memory, sized by the native core"
    return f": at most {render_bytes(memory.high)} of memory, {render_bytes(memory.cache_bytes)} of it KV cache"


def _tell_serving(event: "Serving") -> None:
    from labkit.units import render_seconds

    for card in event.models:
        _say(f"{card.name} is ready: {card.description}, {card.context_tokens:,} tokens of context, {_room(card)}")
    _say(f"listening on {event.url} after {render_seconds(event.load_seconds)}; Ctrl-C stops it\n")
    _say(f"  {_example(event)}\n")


def _room(card: "ModelCard") -> str:
    if "chat" in card.capabilities:
        return f"{card.num_slots} slots"
    return f"{card.vector_size} numbers in a vector" if card.vector_size else "it ranks documents"


def _example(event: "Serving") -> str:
    """A line that tries the first model."""
    card = event.models[0]
    path, rest = "chat/completions", '"messages": [{"role": "user", "content": "Hello!"}]'
    if card.capabilities == ("embeddings",):
        path, rest = "embeddings", '"input": ["Hello!", "Good morning!"]'
    elif card.capabilities == ("rerank",):
        path, rest = "rerank", '"query": "greetings", "documents": ["Hello!", "Good night!"]'
    body = f"""'{{"model": "{card.name}", {rest}}}'"""
    return f"curl {event.url}/v1/{path} -H 'Content-Type: application/json' -d {body}"


def _facts(quantization: str | None, file_bytes: int) -> str:
    from labkit.units import render_bytes

    return f"{quantization or 'unknown quantization'}, {render_bytes(file_bytes)}"


def _say(text: str) -> None:
    # Not through rich: the curl line must stay one line that can be copied.
    typer.echo(text, err=True)

"""Options of `labkit serve` that shape its engines, in the order of its help. The defaults are EngineConfig's."""

from pathlib import Path
from typing import Annotated, Literal

import typer

# "none" and "rank" are no choices here: the API returns one vector per input, and a head that ranks says so itself.
PoolingKind = Literal["mean", "cls", "last"]

Ctx = Annotated[
    int | None,
    typer.Option(
        min=64, help="Tokens of context that all running requests share.  [default: the model's, 8192 at most]"
    ),
]
Slots = Annotated[
    int | None,
    typer.Option(min=1, max=256, help="Requests that run at once.  [default: 8]"),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, max=512, help="CPU threads.  [default: measured]"),
]
GpuLayers = Annotated[
    int | None,
    typer.Option(min=-1, help="Layers on the GPU; -1 for all.  [default: -1]"),
]
ItlTarget = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="SECONDS",
        help="Longest step while prompts are read beside running answers.  [default: 0.5]",
    ),
]
CachedSlots = Annotated[
    int | None,
    typer.Option(min=0, max=255, help="Finished requests kept for reuse.  [default: by the model]"),
]
CacheSize = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Most KV cells of those, as 512MiB.  [default: none on a processor]"),
]
HostCache = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Memory beside the KV cells for them.  [default: 1GiB at most]"),
]
DiskCache = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Disk for the same, which survives a restart.  [default: none]"),
]
DiskCacheFolder = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="Where.  [default: prefixes in labkit's data folder]"),
]
AuditShare = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Share of cache hits computed again to compare.  [default: 0]"),
]
MaxWaiting = Annotated[
    int | None,
    typer.Option(min=0, help="Requests that may wait; one more gets 429.  [default: 64]"),
]
MaxWait = Annotated[
    float | None,
    typer.Option(min=0.001, metavar="SECONDS", help="Longest wait before a 429.  [default: no limit]"),
]
Speculation = Annotated[
    Literal["off", "prompt", "draft"] | None,
    typer.Option(help="Propose tokens: from the text so far where that pays, or by a small model.  [default: prompt]"),
]
DraftModel = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="GGUF file of the small model (implies --speculation draft)."),
]
Adapters = Annotated[
    list[str] | None,
    typer.Option(
        "--adapter", metavar="NAME=PATH", help="A LoRA adapter that requests may name in `lora`; may be repeated."
    ),
]
Embeddings = Annotated[
    bool,
    typer.Option("--embeddings", help="Give embeddings too, from chat models; embedding models always do."),
]
Pooling = Annotated[
    PoolingKind | None,
    typer.Option(help="How token vectors become one (implies --embeddings).  [default: the model's]"),
]
LogFormatKind = Annotated[
    Literal["text", "json"],
    typer.Option("--log-format", help="Of the endpoint's log: lines for people, or a JSON object each."),
]
Traces = Annotated[
    bool,
    typer.Option(
        "--otel", help="Send OpenTelemetry traces; OTEL_EXPORTER_OTLP_ENDPOINT says where, and implies this."
    ),
]
ExplainPrompts = Annotated[
    bool,
    typer.Option("--explain-prompts", help="Keep the last prompts in memory, for `labkit explain`."),
]
Engine = Annotated[
    Literal["native", "echo"] | None,
    typer.Option(
        "--engine",
        help="'echo' computes nothing, the answer is the prompt: for tests of clients.  [default: native]",
        show_default=False,
    ),
]

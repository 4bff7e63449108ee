"""How lists and facts of models look in a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labkit.cli import output

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from labkit.catalog import CatalogModel
    from labkit.estimate import ModelEstimate, Weights
    from labkit.gguf import FileFacts
    from labkit.model import ModelArchitecture, ModelRef
    from labkit.settings import Settings

WIDE = 110
SHOWN_CONTEXTS = (2048, 8192, 32768)


def print_local(refs: Iterable["ModelRef"], settings: "Settings") -> None:
    """The models on this machine."""
    from labkit.units import render_bytes

    table = _table("On this machine", "Name", "Size", "License", "Where")
    table.columns[1].justify = "right"
    for ref in refs:
        size = render_bytes(ref.path.stat().st_size) if ref.path.is_file() else "missing"
        where = "comes with labkit" if ref.source == "embedded" else ref.source
        table.add_row(ref.name, size, ref.license or "not stated", where)
    output.console().print(table, soft_wrap=False)
    output.talk().print(f"GGUF files are found in {settings.models_folder}", style="dim", soft_wrap=True, markup=False)


def print_known(models: Iterable["CatalogModel"], settings: "Settings") -> None:
    """The models of the catalogue; those whose file is here are marked."""
    from labkit.store import find_downloaded

    console = output.console()
    is_wide = console.width >= WIDE
    table = _table("\nKnown models", "", "Id", "Size", "Context", "License", *(["Good for"] if is_wide else []))
    table.columns[2].justify = table.columns[3].justify = "right"
    for model in models:
        mark = "*" if find_downloaded(model, settings) else ""
        context = f"{model.context_tokens // 1024}k" if model.context_tokens else "?"
        capabilities = [", ".join(model.capabilities)] if is_wide else []
        table.add_row(mark, model.id, parameters(model), context, model.license, *capabilities)
    console.print(table, soft_wrap=False)
    output.talk().print("Facts and sources of one: labkit models show ID", style="dim", soft_wrap=True)


def print_local_facts(ref: "ModelRef", facts: "FileFacts") -> None:
    """What a file's header says."""
    from labkit.estimate import weights_of_file
    from labkit.units import render_bytes

    heading(ref.name)
    row("file", str(ref.path))
    row("license", ref.license or facts.license or "not stated in the file")
    row("size", f"{render_bytes(facts.file_bytes)}, {facts.bits_per_weight:.2f} bits per weight")
    row("quantization", facts.quantization or "unknown")
    row("chat template", "yes" if facts.has_chat_template else "none: it completes text, it cannot chat")
    row("tokenizer", facts.tokenizer or "unknown")
    shape_rows(facts.architecture)
    memory_rows(facts.architecture, weights_of_file(facts), None if facts.embedding.is_encoder else ref.path)


def shape_rows(shape: "ModelArchitecture") -> None:
    """Sizes, experts, attention and context of a shape."""
    known = [
        (shape.num_layers, "layers"), (shape.hidden_size, "wide"), (shape.num_heads, "heads"),
        (shape.num_kv_heads, "KV heads"), (shape.vocab_size, "tokens in the vocabulary"),
    ]  # fmt: skip
    sizes = ", ".join(f"{number:,} {what}" for number, what in known if number) or "sizes unknown"
    row("shape", f"{shape.architecture}: {sizes}")
    if shape.experts:
        row("experts", f"{shape.experts.num_used} of {shape.experts.num_experts} work on each token")
    row("attention", _attention(shape))
    row("context", f"{shape.context_tokens:,} tokens" if shape.context_tokens else "unknown")


def _attention(shape: "ModelArchitecture") -> str:
    if shape.layers is None:
        return f"unknown: {shape.layers_unknown}"
    counts = {
        "full": sum(bool(layer.key_size) and layer.window_tokens is None for layer in shape.layers),
        "sliding window": sum(layer.window_tokens is not None for layer in shape.layers),
        "recurrent": sum(bool(layer.state_size) for layer in shape.layers),
        "without a cache": sum(not layer.key_size and not layer.state_size for layer in shape.layers),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def memory_rows(shape: "ModelArchitecture", weights: "Weights", path: "Path | None" = None) -> None:
    """Memory at a few contexts. With the `path` of a file the native core is asked, which takes a second."""
    from labkit.estimate import estimate_contexts
    from labkit.recommend import Wish

    trained = shape.context_tokens or max(SHOWN_CONTEXTS)
    shown = [tokens for tokens in SHOWN_CONTEXTS if tokens <= trained] or [trained]
    contexts = tuple(Wish(context_tokens=tokens).context for tokens in shown)  # as `recommend` and `serve` count
    found = estimate_contexts(shape, weights, contexts, path=path)
    for number, (tokens, estimate) in enumerate(zip(shown, found, strict=True)):
        if estimate.memory is None:
            row("memory", f"unknown: {estimate.note}")
            return
        row(f"memory {weights.quantization}" if number == 0 else "", _memory(tokens, estimate))
    how = {"native sizing": "the native core's own sizing", "file header": "formulas over the file's header"}
    if source := how.get(found[0].trust):
        row("", f"by {source}{f' ({found[0].note})' if found[0].note else ''}")


def _memory(tokens: int, estimate: "ModelEstimate") -> str:
    from labkit.units import render_byte_range, render_bytes

    memory = estimate.memory
    assert memory is not None
    with_tokens = f"with {tokens:,} tokens (cache {render_bytes(memory.cache_bytes)})"
    if estimate.trust == "native sizing":
        return f"{render_bytes(memory.high)} {with_tokens}"
    return f"{render_byte_range(memory.low, memory.high)} {with_tokens}"


def parameters(model: "CatalogModel") -> str:
    """Such as "8.2B", "?" when unknown."""
    number = model.num_text_parameters or model.num_parameters
    if number is None:
        return "?"
    return f"{number / 1e9:.1f}B" if number >= 1e9 else f"{number / 1e6:.0f}M"


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title=title, title_justify="left")
    table.title_style = "bold"
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in {"Id", "Size", "Context"})
    return table


def heading(text: str) -> None:
    """A bold line under an empty one."""
    output.console().print(f"\n[bold]{text}[/]", soft_wrap=True)


def row(label: str, value: str) -> None:
    """A label, and beside it a text that folds under itself."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=16)
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, style="dim"), Text(value))
    output.console().print(grid, soft_wrap=False)

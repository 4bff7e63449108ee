"""The configuration file of `labkit serve`: what may stand in it. Strict: unknown keys are refused.

Its tables have the names of the command line's options; each option that is given there wins over the file.
"""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from labkit.access.policy import AccessPolicy
from labkit.errors import InputError
from labkit.serving.observing import Observing
from labkit.units import parse_bytes, parse_seconds


def _size(value: Any) -> Any:
    return _parsed(parse_bytes, value)


def _seconds(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _parsed(parse_seconds, value)


def _parsed(parse: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse(value)
    except InputError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error


_SIZE_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "examples": ["512MiB", "4GiB"]}]}
_SECONDS_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "examples": ["90s", "5m", "forever"]}]
}
Size = Annotated[int, BeforeValidator(_size), Field(ge=0), WithJsonSchema(_SIZE_SCHEMA)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0), WithJsonSchema(_SECONDS_SCHEMA)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=True)

    def given(self) -> dict[str, Any]:
        """What stands in the file, and nothing else."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class EngineTable(Table):
    """Size of an engine; what is left out is labkit's default."""

    ctx: Annotated[int, Field(ge=64, description="tokens of context that all running requests share")] | None = None
    slots: Annotated[int, Field(ge=1, le=256, description="requests that run at once")] | None = None
    threads: Annotated[int, Field(ge=1, le=512, description="CPU threads")] | None = None
    gpu_layers: Annotated[int, Field(ge=-1, description="layers on the GPU; -1 for all")] | None = None
    itl_target: Annotated[Seconds, Field(description="longest step beside running answers")] | None = None
    cached_slots: Annotated[int, Field(ge=0, le=255, description="finished requests kept for reuse")] | None = None
    cache_size: Annotated[Size, Field(description="most KV cells of those")] | None = None
    host_cache: Annotated[Size, Field(description="memory beside the KV cells for them")] | None = None
    disk_cache: Annotated[Size, Field(description="disk for the same")] | None = None
    disk_cache_folder: Annotated[Path, Field(description="where")] | None = None
    audit_share: Annotated[float, Field(ge=0, le=1, description="share of hits computed again")] | None = None
    max_waiting: Annotated[int, Field(ge=0, description="requests that may wait; one more gets 429")] | None = None
    max_wait: Annotated[Seconds, Field(description="longest wait before a 429")] | None = None
    speculation: Literal["off", "prompt", "draft"] | None = None
    draft_model: Annotated[Path, Field(description="GGUF file of the small model")] | None = None
    embeddings: Annotated[bool, Field(description="give embeddings too, from chat models")] | None = None
    pooling: Literal["mean", "cls", "last"] | None = None
    engine: Literal["native", "echo"] | None = None


class ModelTable(Table):
    """One model."""

    name: Annotated[Name, Field(description="a name as `labkit ls` shows it, 'nano', or the path of a .gguf file")]
    preload: Annotated[bool, Field(description="load it at the start, and keep it")] = False
    keep_alive: Annotated[Seconds, Field(description="how long it stays without a request")] | None = None
    aliases: Annotated[list[Name], Field(description="further names of it")] = []
    adapters: Annotated[dict[Name, Path], Field(description="LoRA adapters: name and file")] = {}
    engine: EngineTable = EngineTable()


def _table_of(kind: type, name: str, what: str, *, without: tuple[str, ...] = ()) -> type[Table]:
    """A table with the fields of a dataclass, each with its type and none of its defaults."""
    found: dict[str, Any] = {
        field.name: (_jsonlike(field.type) | None, None) for field in fields(kind) if field.name not in without
    }
    return create_model(name, __base__=Table, __doc__=what, **found)


def _jsonlike(kind: Any) -> Any:
    return list[str] if kind == tuple[str, ...] else kind


AccessTable = _table_of(AccessPolicy, "AccessTable", "Who may use the endpoint.", without=("folder",))
ObservingTable = _table_of(Observing, "ObservingTable", "What the endpoint tells of its requests.")


class ConfigFile(Table):
    """Configuration of `labkit serve`."""

    host: Annotated[str, Field(description="address to listen on")] | None = None
    port: Annotated[int, Field(ge=0, le=65535, description="0 takes a free one")] | None = None
    all: Annotated[bool, Field(description="serve every model on this machine, beside the ones below")] | None = None
    preload: Annotated[bool, Field(description="load all models below at the start, and keep them")] = False
    keep_alive: Annotated[Seconds, Field(description="how long a model stays without a request")] | None = None
    memory_limit: Annotated[Size, Field(description="most that all models may take together")] | None = None
    drain: Annotated[Seconds, Field(description="how long answers may go on after a signal")] | None = None
    engine: Annotated[EngineTable, Field(description="of every model")] = EngineTable()
    models: list[ModelTable] = []
    aliases: Annotated[dict[Name, Name], Field(description="further names of models and adapters")] = {}
    access: AccessTable = AccessTable()  # type: ignore[valid-type]
    observing: ObservingTable = ObservingTable()  # type: ignore[valid-type]


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors and other programs."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ConfigFile.model_json_schema()}

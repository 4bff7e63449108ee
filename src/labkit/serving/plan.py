"""What an endpoint is asked to run: which models, how large, at which address."""

import dataclasses
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labkit.access.policy import AccessPolicy
from labkit.api.backend import ModelCard
from labkit.engine.capacity import HOST_CACHE_SHARE
from labkit.engine.types import EngineConfig
from labkit.estimate import ModelEstimate, needed_bytes
from labkit.gguf import FileFacts
from labkit.model import ModelRef
from labkit.serving.logs import worker_log_path
from labkit.serving.observing import Observing
from labkit.serving.restart_policy import RestartPolicy
from labkit.serving.supervisor import WorkerPlan
from labkit.settings import DEFAULT_HOST, DEFAULT_PORT, Settings
from labkit.units import MIB
from labkit.worker.options import options_of

# -P: a file named like a library in the current folder must not be imported.
WORKER_PROGRAM = (sys.executable, "-P", "-m", "labkit.worker")
SLOWEST_LOAD_BYTES_PER_SECOND = 20 * MIB
SHORTEST_LOAD_LIMIT_SECONDS = 60.0
KEEP_ALIVE_SECONDS = 300.0
DRAIN_SECONDS = 30.0
ROOM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How one model is served, where that differs from the endpoint's other models.

    Attributes:
        engine: None is the endpoint's.
        adapters: names and files of LoRA adapters; each is a model of its own to clients.
        stays: loaded at the start; not unloaded for want of requests, nor for another model.
        keep_alive_seconds: None is the endpoint's.
    """

    engine: EngineConfig | None = None
    adapters: tuple[tuple[str, Path], ...] = ()
    stays: bool = False
    keep_alive_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that was found and whose file was validated.

    Attributes:
        aliases: names that clients may also use.
        estimate: the memory it will take; None before it was looked at.
        digest: sha256 of its file, where it is known.
        engine, adapters, stays, keep_alive_seconds: see ModelOptions.
    """

    ref: ModelRef
    facts: FileFacts
    aliases: tuple[str, ...] = ()
    estimate: ModelEstimate | None = None
    digest: str | None = None
    engine: EngineConfig | None = None
    adapters: tuple[tuple[str, Path], ...] = ()
    stays: bool = True
    keep_alive_seconds: float | None = None

    def with_options(self, options: ModelOptions) -> "ServedModel":
        """The same model, served in another way."""
        return dataclasses.replace(
            self,
            engine=options.engine,
            adapters=options.adapters,
            stays=options.stays,
            keep_alive_seconds=options.keep_alive_seconds,
        )

    def card(self) -> ModelCard:
        """What clients may know before it is loaded."""
        shape = self.facts.architecture
        return ModelCard(
            name=self.ref.name,
            created=int(time.time()),
            trained_context_tokens=shape.context_tokens,
            num_parameters=shape.num_parameters,
            size_bytes=self.facts.weight_bytes,
            quantization=self.facts.quantization,
            license=self.ref.license or self.facts.license,
            aliases=self.aliases,
            digest=self.digest,
            family=shape.architecture,
            chat_template=self.facts.has_chat_template,
        )


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """One endpoint.

    Attributes:
        models: those that are known from the start.
        port: 0 takes any free one.
        logs_folder: must exist and be writable.
        engine: size of each model's engine that has none of its own.
        drain_seconds: how long running answers may go on after the first signal to stop.
        worker_program: what runs a worker; its arguments follow.
        aliases: further names, each of a model or of an adapter.
        keep_alive_seconds: how long a model that does not stay is kept without a request.
        memory_limit_bytes: most that all models may take together; None for what the machine has.
        room_seconds: how long a request waits for models in use to make room for its own.
        settings: where models of the store are found, and accelerators are looked for; None looks nowhere.
        whole_store: every model on this machine can be asked for, also one that is pulled later.
        options: of models that are found later, by name.
        access: who may use it, and what is kept of that.
        observing: what it tells of its requests.
    """

    models: tuple[ServedModel, ...]
    logs_folder: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    engine: EngineConfig = field(default_factory=EngineConfig)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    drain_seconds: float = DRAIN_SECONDS
    worker_program: Sequence[str] = WORKER_PROGRAM
    aliases: Mapping[str, str] = field(default_factory=dict)
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    memory_limit_bytes: int | None = None
    room_seconds: float = ROOM_SECONDS
    settings: Settings | None = None
    whole_store: bool = False
    options: Mapping[str, ModelOptions] = field(default_factory=dict)
    access: AccessPolicy = field(default_factory=AccessPolicy)
    observing: Observing = field(default_factory=Observing)

    def worker(self, model: ServedModel) -> WorkerPlan:
        """How the worker of one of the models is started."""
        load_seconds = SHORTEST_LOAD_LIMIT_SECONDS + model.facts.file_bytes / SLOWEST_LOAD_BYTES_PER_SECOND
        options = options_of(self._engine_of(model))
        adapters = (f"--adapter={name}={path.absolute()}" for name, path in model.adapters)
        return WorkerPlan(
            model=model.ref.name,
            command=(*self.worker_program, str(model.ref.path.absolute()), *options, *adapters),
            log_path=worker_log_path(self.logs_folder, model.ref.name),
            load_seconds=load_seconds,
            restart=self.restart,
        )

    def _engine_of(self, model: ServedModel) -> EngineConfig:
        """Under a memory limit, finished requests are kept in an eighth of what the model takes, at most.

        What is typed as --host-cache counts as the model's memory instead.
        """
        engine = model.engine or self.engine
        if self.memory_limit_bytes is None:
            return engine
        memory = model.estimate.memory if model.estimate else None
        taken = needed_bytes(memory) if memory else model.facts.file_bytes
        return dataclasses.replace(engine, host_cache_limit_bytes=taken // HOST_CACHE_SHARE)

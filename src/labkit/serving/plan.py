"""What an endpoint is asked to run: which models, how large, at which address."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labkit.api.backend import ModelCard
from labkit.engine.types import EngineConfig
from labkit.estimate import ModelEstimate
from labkit.gguf import FileFacts
from labkit.model import ModelRef
from labkit.serving.logs import worker_log_path
from labkit.serving.restart_policy import RestartPolicy
from labkit.serving.supervisor import WorkerPlan
from labkit.settings import DEFAULT_HOST, DEFAULT_PORT
from labkit.units import MIB
from labkit.worker.options import options_of

# -P: a file named like a library in the current folder must not be imported.
WORKER_PROGRAM = (sys.executable, "-P", "-m", "labkit.worker")
SLOWEST_LOAD_BYTES_PER_SECOND = 20 * MIB
SHORTEST_LOAD_LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that was found and whose file was validated.

    Attributes:
        aliases: names that clients may also use.
        estimate: the memory it will take; None before it was looked at.
    """

    ref: ModelRef
    facts: FileFacts
    aliases: tuple[str, ...] = ()
    estimate: ModelEstimate | None = None

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
        )


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """One endpoint.

    Attributes:
        port: 0 takes any free one.
        logs_folder: must exist and be writable.
        engine: size of each model's engine.
        drain_seconds: how long running answers may go on after the first signal to stop.
        worker_program: what runs a worker; its arguments follow.
        adapters: names and files of LoRA adapters; only for an endpoint of one model.
    """

    models: tuple[ServedModel, ...]
    logs_folder: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    engine: EngineConfig = field(default_factory=EngineConfig)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    drain_seconds: float = 30.0
    worker_program: Sequence[str] = WORKER_PROGRAM
    adapters: tuple[tuple[str, Path], ...] = ()

    def worker(self, model: ServedModel) -> WorkerPlan:
        """How the worker of one of the models is started."""
        load_seconds = SHORTEST_LOAD_LIMIT_SECONDS + model.facts.file_bytes / SLOWEST_LOAD_BYTES_PER_SECOND
        return WorkerPlan(
            model=model.ref.name,
            command=(*self.worker_program, str(model.ref.path.absolute()), *options_of(self.engine), *self._adapters()),
            log_path=worker_log_path(self.logs_folder, model.ref.name),
            load_seconds=load_seconds,
            restart=self.restart,
        )

    def _adapters(self) -> tuple[str, ...]:
        return tuple(f"--adapter={name}={path.absolute()}" for name, path in self.adapters)

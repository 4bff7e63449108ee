"""An engine from its configuration: the loop with the drafter and the slower tiers that were asked for."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import psutil

from labkit.engine.capacity import cache_budget
from labkit.engine.drafting import PromptDrafter
from labkit.engine.engine import Engine, OnStep
from labkit.engine.native import library
from labkit.engine.native.backend import NativeBackend
from labkit.engine.native.draft import DraftModel
from labkit.engine.proposals import Proposals
from labkit.engine.saved_prefixes import SavedPrefixes
from labkit.engine.speculation import Speculation
from labkit.engine.tiers import PrefixTiers, model_digest
from labkit.engine.types import EngineConfig
from labkit.errors import InputError

logger = logging.getLogger(__name__)

DRAFT_CELLS_PER_SEQUENCE = 4096
"""Cells of a draft model for each running sequence: longer ones go on without drafts."""


class AssembledEngine(Engine):
    """An engine that owns its backend, and what stands beside it."""

    def __init__(self, backend: NativeBackend, on_step: OnStep, config: EngineConfig) -> None:
        """Load the draft model, if any, and open the tiers. Blocks; raises ModelLoadError and InputError."""
        self.backend = backend
        budget = cache_budget(
            config,
            on_accelerator=backend.on_accelerator,
            forks_anywhere=backend.forks_anywhere,
            free_bytes=psutil.virtual_memory().available,
        )
        config = replace(config, cache_bytes=budget.device_bytes, host_cache_bytes=budget.host_bytes)
        self._draft_model = _draft_model(backend, config)
        self._saved = _saved_prefixes(backend, config, budget.host_bytes)
        super().__init__(
            backend,
            on_step,
            config=config,
            proposals=_proposals(config, self._draft_model, backend),
            tiers=self._saved,
        )

    def start(self) -> None:
        """See Engine.start. The draft model takes the number of threads that was found best."""
        super().start()
        draft_model = self._draft_model
        if draft_model is not None and self.is_alive:
            self.call(lambda: draft_model.set_threads(self.backend.context.num_threads))

    def release(self) -> None:
        """Free what is native and finish writing to disk; for after `shutdown`, when the loop has ended."""
        if self.is_alive:
            return
        if self._saved is not None:
            self._saved.close()
        if self._draft_model is not None:
            self._draft_model.close()
        self.backend.release()


def _draft_model(backend: NativeBackend, config: EngineConfig) -> DraftModel | None:
    if config.speculation != "draft":
        return None
    if config.draft_model is None:
        raise InputError("speculation with a draft model needs one", hint="name it: --draft-model FILE")
    return DraftModel(
        config.draft_model,
        backend.model,
        context_tokens=min(backend.context_tokens, DRAFT_CELLS_PER_SEQUENCE * backend.max_running),
        num_slots=backend.max_running,
        num_threads=backend.context.num_threads,
        gpu_layers=config.gpu_layers,
    )


def _proposals(config: EngineConfig, draft_model: DraftModel | None, backend: NativeBackend) -> Proposals | None:
    if config.speculation == "off":
        return None
    if not backend.can_rewind:
        logger.info("no speculation: this model cannot take back tokens")
        return None
    clock: Callable[[], float] | None = None if draft_model is None else time.perf_counter
    return Speculation(draft_model or PromptDrafter(), clock=clock)


def _saved_prefixes(backend: NativeBackend, config: EngineConfig, host_bytes: int) -> SavedPrefixes | None:
    on_disk = bool(config.disk_cache_bytes and config.disk_cache_folder)
    if not host_bytes and not on_disk:
        return None
    context = backend.context
    tiers = PrefixTiers(
        host_bytes=host_bytes,
        disk_bytes=config.disk_cache_bytes,
        folder=config.disk_cache_folder,
        forks_anywhere=backend.forks_anywhere,
    )
    shape = (f"kind={context.cells.kind}", f"device_layers={config.gpu_layers}")
    # Reading the whole file for its digest takes time: what stays in this process does not need it.
    model = model_digest(backend.model.path) if on_disk else backend.model.path.name
    return SavedPrefixes(tiers, model=model, build=library.build(), context=shape)

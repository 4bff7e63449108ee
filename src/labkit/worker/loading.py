"""From a model file to a session that fits what the model was made for."""

from dataclasses import replace
from pathlib import Path

from labkit.engine.native.backend import NativeBackend
from labkit.engine.native.echo_backend import EchoBackend
from labkit.engine.native.embedding_backend import NativeEmbeddingBackend
from labkit.engine.native.model import NativeModel
from labkit.engine.types import EngineConfig
from labkit.gguf import EmbeddingFacts, embedding_facts, read_header
from labkit.hardware.probes.cgroup import probe_cpu_quota
from labkit.hardware.source import Source, SystemSource
from labkit.worker.embedding_desk import ClosedDesk, Desk, EmbeddingDesk
from labkit.worker.embedding_session import EmbeddingSession
from labkit.worker.outbox import Outbox
from labkit.worker.session import Session


def open_session(path: Path, config: EngineConfig, outbox: Outbox, *, pid: int) -> Session | EmbeddingSession:
    """Load the model. Embedding and rerank models give only those; others chat, and embed where they were asked to.

    Raises ModelLoadError, InvalidModelFileError.
    """
    config = within_quota(config, SystemSource())
    facts = embedding_facts(read_header(path))
    if facts.purpose is not None or config.pooling == "rank":
        return _embedding_session(path, config, facts, outbox, pid)
    backend = EchoBackend(path, config) if config.engine == "echo" else NativeBackend(path, config)
    try:
        desk = _desk(backend.model, config, facts, outbox)
        return Session(backend, outbox, config, pid=pid, desk=desk)
    except Exception:
        backend.release()
        raise


def within_quota(config: EngineConfig, source: Source) -> EngineConfig:
    """`config` with no more threads to choose from than a control group grants processor time for."""
    quota = probe_cpu_quota(source)
    if quota is None or config.max_threads is not None:
        return config
    return replace(config, max_threads=max(1, int(quota)))


def _embedding_session(
    path: Path, config: EngineConfig, facts: EmbeddingFacts, outbox: Outbox, pid: int
) -> EmbeddingSession:
    facts.choose_pooling(config.pooling)  # before the weights are read: it may be refused
    model = NativeModel(path, gpu_layers=config.gpu_layers)
    try:
        backend = NativeEmbeddingBackend(model, config, facts)
    except Exception:
        model.close()
        raise
    desk = EmbeddingDesk(backend, outbox.put, max_waiting=config.max_waiting)
    return EmbeddingSession(backend, desk, outbox, pid=pid)


def _desk(model: NativeModel, config: EngineConfig, facts: EmbeddingFacts, outbox: Outbox) -> Desk:
    if not config.embeddings and config.pooling is None:
        return ClosedDesk(outbox.put)
    backend = NativeEmbeddingBackend(model, config, facts)
    return EmbeddingDesk(backend, outbox.put, max_waiting=config.max_waiting)

"""GET /metrics: every series in one registry of its own, filled at the end of requests and asked for by scrapes."""

import asyncio
from collections.abc import Iterator
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.registry import Collector

from labkit.api.backend import ChatBackend
from labkit.api.observation import Observation
from labkit.api.observers.gen_ai_series import GenAiSeries
from labkit.api.observers.labkit_series import LabkitSeries
from labkit.api.observers.llama_server_series import LlamaServerSeries
from labkit.api.observers.model_names import ModelNames
from labkit.api.observers.vllm_series import VllmSeries

_OPENMETRICS = "application/openmetrics-text"
_END = b"# EOF\n"


class Metrics(Collector):
    """An observer. Used from one event loop; counting and writing both happen there."""

    def __init__(self, backend: ChatBackend) -> None:
        self._backend = backend
        self._names = ModelNames(backend)
        self._labkit = LabkitSeries()
        self._vllm = VllmSeries()
        self._llama_server = LlamaServerSeries()
        self._gen_ai = GenAiSeries()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # the usual process_* of the front, where /proc tells them

    def started(self, observation: Observation) -> None:  # noqa: ARG002
        """See Observer."""
        self._labkit.started()

    def ended(self, observation: Observation) -> None:
        """See Observer."""
        self._labkit.ended(observation)
        if observation.operation is None or (model := self._names.of(observation.model)) is None:
            return
        self._vllm.ended(observation, model)
        self._llama_server.ended(observation, model)
        self._gen_ai.ended(observation, model)

    def collect(self) -> Iterator[Metric]:
        """Every family, for the registry."""
        known = self._backend.stats()
        loaded = {name: stats for name, stats in known.items() if stats.health.state != "unloaded"}
        yield from self._vllm.families(loaded)
        yield from self._llama_server.families(loaded)
        yield from self._gen_ai.families()
        yield from self._labkit.families(known)

    async def render(self, accept: str) -> tuple[bytes, str]:
        """All of it as Prometheus text, or OpenMetrics where `accept` asks for that; and its content type.

        Other requests go on between two families: all of them together take as long as several tokens.
        """
        encode, content_type = choose_encoder(accept)
        if content_type.startswith(_OPENMETRICS):
            # The library's escaping (0.26) turns the colons of OpenMetrics samples into underscores. No name here needs
            # any, and without it all stay as they are.
            encode = partial(openmetrics.generate_latest, escaping=ALLOWUTF8)
            content_type = f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"
        written = []
        for family in self._registry.collect():
            written.append(encode(_Only(family)).removesuffix(_END))
            await asyncio.sleep(0)
        return b"".join(written) + (_END if content_type.startswith(_OPENMETRICS) else b""), content_type


class _Only(Collector):
    """A registry of one family, for the library's encoders."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> tuple[Metric]:
        """That family."""
        return (self._family,)

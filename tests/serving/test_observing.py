import logging

import pytest

from fakes.front_backend import FrontBackend
from labkit.api.observers import RequestLog, tracing
from labkit.api.observers.tracing import Tracing
from labkit.errors import MissingExtraError
from labkit.serving.observing import Observing, observers

COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def not_installed(monkeypatch):
    monkeypatch.setattr(tracing, "is_installed", lambda: False)


def kinds(observing):
    with observers(observing, FrontBackend()) as told:
        return [type(one) for one in told]


def test_traces_are_sent_where_the_environment_or_the_user_says_so(monkeypatch):
    monkeypatch.delenv(COLLECTOR, raising=False)
    monkeypatch.setattr(tracing, "FAREWELL_SECONDS", 0.1)
    assert kinds(Observing()) == [RequestLog]
    assert kinds(Observing(traces=True)) == [RequestLog, Tracing]
    monkeypatch.setenv(COLLECTOR, "http://127.0.0.1:9")
    assert kinds(Observing()) == [RequestLog, Tracing]


def test_traces_that_are_asked_for_and_cannot_be_sent_say_what_to_install(not_installed):
    with pytest.raises(MissingExtraError) as raised, observers(Observing(traces=True), FrontBackend()):
        pass
    assert raised.value.hint == "pip install 'labkit[otel]'"


def test_a_collector_that_may_be_meant_for_others_stops_nothing(not_installed, monkeypatch, caplog):
    monkeypatch.setenv(COLLECTOR, "http://127.0.0.1:9")
    caplog.set_level(logging.WARNING)
    assert kinds(Observing()) == [RequestLog]
    assert "pip install 'labkit[otel]'" in caplog.text
    assert "pip install 'labkit[otel]'" in Observing().note()
    monkeypatch.delenv(COLLECTOR)
    assert Observing().note() == ""

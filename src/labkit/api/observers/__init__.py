"""Whoever is told what became of each request: metrics, traces, logs, readiness, the last requests explained."""

from labkit.api.observers.metrics import Metrics
from labkit.api.observers.readiness import ReadinessProbe
from labkit.api.observers.recent import RecentRequests
from labkit.api.observers.request_log import RequestLog

__all__ = ["Metrics", "ReadinessProbe", "RecentRequests", "RequestLog"]

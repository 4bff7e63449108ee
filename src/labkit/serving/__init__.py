"""Composition root: names -> files -> workers -> routes -> a listening socket, and back down to nothing."""

from labkit.serving.background import running_endpoint
from labkit.serving.endpoint import Endpoint, open_endpoint
from labkit.serving.plan import EndpointPlan, ServedModel
from labkit.serving.restart_policy import RestartPolicy
from labkit.serving.serve import Draining, Loading, ServeEvent, Serving, find_model, plan_endpoint, serve

__all__ = [
    "Draining",
    "Endpoint",
    "EndpointPlan",
    "Loading",
    "RestartPolicy",
    "ServeEvent",
    "ServedModel",
    "Serving",
    "find_model",
    "open_endpoint",
    "plan_endpoint",
    "running_endpoint",
    "serve",
]

"""Composition root: names -> files -> workers -> routes -> a listening socket, and back down to nothing."""

from labkit.serving.background import running_endpoint
from labkit.serving.endpoint import Endpoint, open_endpoint
from labkit.serving.observing import Observing
from labkit.serving.plan import EndpointPlan, ModelOptions, ServedModel
from labkit.serving.planning import Wishes, plan_endpoint, plan_wishes
from labkit.serving.restart_policy import RestartPolicy
from labkit.serving.serve import Draining, Loading, ServeEvent, Serving, serve
from labkit.serving.shelf import find_model

__all__ = [
    "Draining",
    "Endpoint",
    "EndpointPlan",
    "Loading",
    "ModelOptions",
    "Observing",
    "RestartPolicy",
    "ServeEvent",
    "ServedModel",
    "Serving",
    "Wishes",
    "find_model",
    "open_endpoint",
    "plan_endpoint",
    "plan_wishes",
    "running_endpoint",
    "serve",
]

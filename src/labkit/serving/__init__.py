"""Composition root: names -> files -> workers -> routes -> a listening socket, and back down to nothing.

Each name is loaded when it is used: `labkit ps` need not wait for a web framework.
"""

from typing import TYPE_CHECKING

from labkit.lazy import lazy_names

if TYPE_CHECKING:
    from labkit.serving.background import running_endpoint
    from labkit.serving.endpoint import Endpoint, open_endpoint
    from labkit.serving.foreground import Draining, Loading, ServeEvent, Serving, serve
    from labkit.serving.observing import Observing
    from labkit.serving.plan import EndpointPlan, ModelOptions, ServedModel
    from labkit.serving.planning import Wishes, plan_endpoint, plan_wishes
    from labkit.serving.restart_policy import RestartPolicy
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

__getattr__ = lazy_names(
    __name__,
    {
        "Draining": "foreground",
        "Endpoint": "endpoint",
        "EndpointPlan": "plan",
        "Loading": "foreground",
        "ModelOptions": "plan",
        "Observing": "observing",
        "RestartPolicy": "restart_policy",
        "ServeEvent": "foreground",
        "ServedModel": "plan",
        "Serving": "foreground",
        "Wishes": "planning",
        "find_model": "shelf",
        "open_endpoint": "endpoint",
        "plan_endpoint": "planning",
        "plan_wishes": "planning",
        "running_endpoint": "background",
        "serve": "foreground",
    },
)

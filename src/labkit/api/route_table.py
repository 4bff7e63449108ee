"""The routes of an application, those of included routers too."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts


def all_routes(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route, parameters as {name}."""
    return [
        (method, route.path_format or "")
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
    ]


def methods_of(app: FastAPI, path: str) -> list[str]:
    """Methods that a path as it was asked for takes; none for a path that is not there."""
    found = [route for route in iter_route_contexts(app.routes) if route.path_regex.match(path)]
    exact = [route for route in found if route.path == path]
    return sorted({method for route in exact or found for method in route.methods or ()})

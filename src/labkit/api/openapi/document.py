"""The OpenAPI document of an endpoint, from its tables of operations. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from labkit.api.dialects import ANTHROPIC, OLLAMA, Dialect
from labkit.api.openapi.errors import AnthropicError, OllamaError, OpenAIError
from labkit.api.openapi.operations import JSON, Operation

_REFERENCE = "#/components/schemas/"
_LONG_NAME = re.compile(r"labkit__api__(?:schemas__|openapi__)?")
_ERRORS: dict[str, type[BaseModel]] = {ANTHROPIC.name: AnthropicError, OLLAMA.name: OllamaError}
_MEANINGS = {
    400: "A field of the request cannot be honoured; the message names it.",
    401: "No API key, or none that is known.",
    403: "Understood, and not allowed: a foreign Host or Origin, or something that clients may not do here.",
    404: "No such model, or nothing by that name.",
    405: "The path does not take the method.",
    409: "It is not in a state that allows this.",
    413: "The body is too large.",
    415: "The body is not plain JSON.",
    429: "The queue is full, or a budget is used up. Retry-After says when to come again.",
    500: "A bug, or a failure of the native core.",
    502: "The process that held the model ended.",
    503: "The model is loading or could not be loaded, or the endpoint stops.",
    507: "The model does not fit into memory.",
}
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
_TEXT_HEADER = {"schema": {"type": "string"}}
_STRICT = {
    "name": "x-labkit-strict",
    "in": "header",
    "required": False,
    "description": "1 refuses fields that would have no effect; anything else is as good as nothing.",
    "schema": {"type": "string"},
}


def build_document(operations: Sequence[Operation], *, version: str, requires_key: bool) -> dict[str, Any]:
    """The document, for JSON. Takes some tens of milliseconds."""
    names, components = _components(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, names)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "labkit", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components},
    }
    if requires_key:
        document["components"]["securitySchemes"] = _SECURITY
        document["security"] = [{name: []} for name in _SECURITY]
    return document


def _operation(operation: Operation, names: dict[type[BaseModel], str]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _operation_id(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(operation, names),
    }
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body is not None:
        schema = _request_schema(operation, names[operation.body])
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if operation.is_open:
        described["security"] = []
    return described


def _request_schema(operation: Operation, name: str) -> dict[str, Any]:
    reference = {"$ref": _REFERENCE + name}
    extra: dict[str, Any] = {
        field: {"enum": [None, *values], "description": "Only these values: the others are not supported."}
        for field, values in operation.refused.items()
    }
    extra |= {field: {"description": "Has no effect."} for field in sorted(operation.harmless)}
    extra |= operation.by_hand
    if not extra:
        return reference
    required = {"required": list(operation.by_hand)} if operation.by_hand else {}
    return {"allOf": [reference], "properties": extra, **required}


def _responses(operation: Operation, names: dict[type[BaseModel], str]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.answer is not None:
        content[JSON] = {"schema": {"$ref": _REFERENCE + names[operation.answer]}}
    content |= {kind: {"schema": {"description": text}} for kind, text in operation.other_answers.items()}
    headers = {"x-request-id": _TEXT_HEADER, **({"x-labkit-ignored": _TEXT_HEADER} if operation.body else {})}
    good: dict[str, Any] = {"description": operation.summary, "headers": headers}
    if content:
        good["content"] = content
    responses = {str(status): good for status in (operation.success, *operation.statuses)}
    for status in operation.all_errors:
        responses.setdefault(str(status), _error(operation, status, names))
    return responses


def _error(operation: Operation, status: int, names: dict[type[BaseModel], str]) -> dict[str, Any]:
    headers = {"x-request-id": _TEXT_HEADER}
    if status == 429:
        headers["retry-after"] = _TEXT_HEADER
    answer: dict[str, Any] = {"description": _MEANINGS[status], "headers": headers}
    if operation.method != "head":
        schema = {"$ref": _REFERENCE + names[_error_model(operation.dialect)]}
        answer["content"] = {JSON: {"schema": schema}}
    return answer


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": text,
            "schema": {"type": "string", "minLength": 1},
        }
        for name, text in operation.path_parameters.items()
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in operation.query.items()
    ]
    return [*parameters, _STRICT] if operation.body is not None else parameters


def _components(operations: Sequence[Operation]) -> tuple[dict[type[BaseModel], str], dict[str, Any]]:
    """The name of each model of the tables, and the schemas of all."""
    models = list(dict.fromkeys(_models(operations)))
    by_model, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE + "{model}"
    )
    long = {model: reference["$ref"].removeprefix(_REFERENCE) for (model, _), reference in by_model.items()}
    names = {model: _LONG_NAME.sub("", long[model]) for model in models}
    return names, _renamed(definitions.get("$defs", {}))


def _models(operations: Sequence[Operation]) -> Iterable[type[BaseModel]]:
    for operation in operations:
        yield from (model for model in (operation.body, operation.answer) if model is not None)
        yield _error_model(operation.dialect)


def _renamed(definitions: Any) -> Any:
    """The same, with short names, as keys and in references."""
    if isinstance(definitions, dict):
        return {_short(key): _renamed(value) for key, value in definitions.items()}
    if isinstance(definitions, list):
        return [_renamed(value) for value in definitions]
    return _short(definitions) if isinstance(definitions, str) else definitions


def _short(text: str) -> str:
    return _LONG_NAME.sub("", text) if "labkit__" in text else text


def _error_model(dialect: Dialect) -> type[BaseModel]:
    return _ERRORS.get(dialect.name, OpenAIError)


def _operation_id(operation: Operation) -> str:
    words = re.findall(r"[a-z0-9]+", operation.path.lower())
    return "_".join((operation.method, *words)) if words else f"{operation.method}_root"

"""The document is whole, valid, and true of the answers that a real endpoint gives."""

import json

import httpx2
import jsonschema
import pytest

from fakes.embedding_models import write_tiny_bert
from fakes.endpoints import served_model
from labkit.api import create_app
from labkit.api.openapi import build_document
from labkit.api.openapi.tables import OPERATIONS
from labkit.api.route_table import all_routes
from labkit.engine.types import EngineConfig
from labkit.resources import embedded_model
from labkit.serving import EndpointPlan, running_endpoint

CHAT = {"model": "nano", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 4}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
OLLAMA_CHAT = {"model": "nano", "messages": CHAT["messages"], "stream": False, "options": {"num_predict": 4}}
MESSAGE = {"model": "nano", "messages": CHAT["messages"], "max_tokens": 4}
FOUND = [
    ("get", "/", None),
    ("get", "/openapi.json", None),
    ("get", "/v1/models", None),
    ("get", "/v1/models/nano", None),
    ("post", "/v1/chat/completions", CHAT | {"logprobs": True, "top_logprobs": 2}),
    ("post", "/v1/chat/completions", CHAT | {"tools": [TOOL], "tool_choice": "required", "max_tokens": 60}),
    ("post", "/v1/chat/completions", CHAT | {"stream": True}),
    ("post", "/v1/chat/completions/input_tokens", {"model": "nano", "messages": CHAT["messages"]}),
    ("post", "/v1/completions", {"model": "nano", "prompt": "Hello", "logprobs": 1, "echo": True, "max_tokens": 4}),
    ("post", "/v1/embeddings", {"model": "bert", "input": ["a", "b"]}),
    ("post", "/v1/rerank", {"model": "ranker", "query": "a", "documents": ["b", "c"], "return_documents": True}),
    ("post", "/v1/responses", {"model": "nano", "input": "Hello!", "max_output_tokens": 4}),
    ("get", "/v1/responses/{response}", None),
    ("get", "/v1/responses/{response}/input_items", None),
    ("delete", "/v1/responses/{response}", None),
    ("post", "/v1/responses/input_tokens", {"model": "nano", "input": "Hello!"}),
    ("post", "/v1/messages", MESSAGE),
    ("post", "/v1/messages/count_tokens", {"model": "nano", "messages": CHAT["messages"]}),
    ("post", "/api/chat", OLLAMA_CHAT | {"logprobs": True, "top_logprobs": 1}),
    ("post", "/api/chat", {"model": "nano"}),
    ("post", "/api/chat", OLLAMA_CHAT | {"stream": True}),
    ("post", "/api/generate", {"model": "nano", "prompt": "Hi", "stream": False, "options": {"num_predict": 4}}),
    ("post", "/api/embed", {"model": "bert", "input": "a"}),
    ("post", "/api/embeddings", {"model": "bert", "prompt": "a"}),
    ("post", "/api/show", {"model": "nano"}),
    ("get", "/api/tags", None),
    ("get", "/api/ps", None),
    ("get", "/api/version", None),
    ("post", "/tokenize", {"model": "nano", "content": "Hello!", "with_pieces": True}),
    ("post", "/tokenize", {"model": "nano", "prompt": "Hello!", "return_token_strs": True}),
    ("post", "/detokenize", {"model": "nano", "tokens": [5, 6]}),
    ("post", "/apply-template", {"model": "nano", "messages": CHAT["messages"]}),
    ("get", "/tokenizer_info?model=nano", None),
    ("post", "/completion", {"model": "nano", "prompt": "Hi", "n_predict": 4, "n_probs": 1}),
    ("post", "/completion", {"model": "nano", "prompt": "Hi", "n_predict": 4, "n_cmpl": 2}),
    ("get", "/props?model=nano", None),
    ("get", "/health", None),
    ("get", "/ready", None),
    ("get", "/ping", None),
    ("post", "/ping", {}),
    ("get", "/version", None),
    ("get", "/metrics", None),
    ("get", "/labkit/stats", None),
    ("get", "/labkit/requests", None),
    ("get", "/labkit/requests/last", None),
]
REFUSED = [
    ("get", "/v1/models/nanoo", None, 404),
    ("post", "/v1/chat/completions", CHAT | {"temperature": 9}, 400),
    ("post", "/v1/chat/completions", CHAT | {"model": "nanoo"}, 404),
    ("post", "/v1/responses/resp_1/cancel", {}, 404),
    ("get", "/v1/responses/resp_1", None, 404),
    ("post", "/v1/messages", MESSAGE | {"max_tokens": -1}, 400),
    ("post", "/v1/messages", MESSAGE | {"model": "nanoo"}, 404),
    ("post", "/v1/messages", MESSAGE | {"messages": [{"role": "user", "content": [{"type": {}}]}]}, 400),
    ("post", "/v1/responses", {"model": "nano", "input": [{"role": "user", "content": [{"type": {}}]}]}, 400),
    ("post", "/v1/responses", {"model": "nano", "input": [{"type": None, "id": "msg_0"}]}, 400),
    ("post", "/v1/responses/input_tokens", {"model": "nano", "input": [{"type": [], "id": "msg_0"}]}, 400),
    ("post", "/api/chat", OLLAMA_CHAT | {"format": "yaml"}, 400),
    ("post", "/api/show", {"model": "nanoo"}, 404),
    ("post", "/api/pull", {"model": "qwen3"}, 403),
    ("delete", "/api/delete", None, 403),
    ("get", "/labkit/requests/req-none", None, 404),
    ("get", "/labkit/requests?limit=x", None, 400),
]


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    models = (
        served_model(embedded_model(), "nano"),
        served_model(write_tiny_bert(folder / "bert.gguf")),
        served_model(write_tiny_bert(folder / "ranker.gguf", pooling="rank", head=1)),
    )
    plan = EndpointPlan(models, folder, port=0, engine=EngineConfig(num_threads=1))
    with (
        running_endpoint(plan) as endpoint,
        httpx2.Client(base_url=endpoint.url, timeout=30, trust_env=False) as http,
    ):
        yield http


@pytest.fixture(scope="module")
def document(http):
    return http.get("/openapi.json").json()


@pytest.fixture(scope="module")
def response_id(http):
    body = {"model": "nano", "input": "Hello!", "max_output_tokens": 4}
    return http.post("/v1/responses", json=body).json()["id"]


class _NoBackend:
    def models(self):
        return ()


def test_every_route_is_described_and_nothing_else_is():
    routes = {(method, path) for method, path in all_routes(create_app(_NoBackend()))}
    described = {(operation.method.upper(), operation.path) for operation in OPERATIONS}
    heads = {("HEAD", path) for method, path in routes if method == "GET"}
    assert len(routes) > 40
    assert routes - heads == described


def test_every_reference_leads_somewhere_and_every_name_is_one(document):
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted
    assert wanted <= set(schemas)
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids) == len(OPERATIONS)
    assert "labkit__api" not in text
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_keys_are_part_of_it_only_where_they_are_needed():
    private = build_document(OPERATIONS, version="1", requires_key=False)
    assert "security" not in private
    public = build_document(OPERATIONS, version="1", requires_key=True)
    assert set(public["components"]["securitySchemes"]) == {"bearer", "api_key"}
    assert public["paths"]["/health"]["get"]["security"] == []
    assert "security" not in public["paths"]["/v1/models"]["get"]


def test_fields_that_are_refused_say_so(document):
    body = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["store"]["enum"] == [None, False]
    assert "no effect" in body["properties"]["user"]["description"]
    options = document["components"]["schemas"]["Options"]["properties"]
    assert options["mirostat"]["enum"] == [None, 0]
    assert "minimum" in json.dumps(options["temperature"])


@pytest.mark.parametrize(("method", "path", "body"), FOUND)
def test_answers_are_as_described(http, document, response_id, method, path, body):
    response = ask(http, method, path.format(response=response_id), body)
    assert response.status_code == 200, response.text
    check(document, method, path, response)


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSED)
def test_errors_are_as_described(http, document, method, path, body, status):
    response = ask(http, method, path, body)
    assert response.status_code == status, response.text
    check(document, method, path, response)


def test_every_operation_was_asked():
    asked = {(method, template_of(path)) for method, path, *_ in (*FOUND, *REFUSED)}
    first = {(operation.method, operation.path) for operation in OPERATIONS if operation.path not in aliases()}
    assert first - asked == {("post", f"/api/{name}") for name in ("push", "create", "copy")}


def aliases():
    return {path for operation in OPERATIONS for path in operation.also}


def ask(http, method, path, body):
    return http.request(method, path, **({} if body is None else {"json": body}))


def template_of(path):
    path = path.partition("?")[0]
    if path in {operation.path for operation in OPERATIONS}:
        return path
    parts = path.split("/")
    for operation in OPERATIONS:
        known = operation.path.split("/")
        if len(known) == len(parts) and all(
            ours == theirs or ours.startswith("{") for ours, theirs in zip(known, parts, strict=True)
        ):
            return operation.path
    raise AssertionError(path)


def check(document, method, path, response):
    described = document["paths"][template_of(path)][method]["responses"][str(response.status_code)]
    kind = response.headers.get("content-type", "").partition(";")[0]
    if not response.content:
        assert "content" not in described
        return
    assert kind in described["content"]
    schema = described["content"][kind]["schema"]
    if kind == "application/json":
        whole = {"$defs": document["components"]["schemas"], **schema}
        moved = json.loads(json.dumps(whole).replace("#/components/schemas/", "#/$defs/"))
        jsonschema.Draft202012Validator(moved).validate(response.json())
    for name in described["headers"]:
        if name == "x-request-id":
            assert response.headers[name]

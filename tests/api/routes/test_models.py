from labkit.api.backend import ModelCard
from labkit.api.routes.models import model_object


def test_models_are_listed_with_the_facts_other_tools_ask_for(http):
    (model,) = http.get("/v1/models").json()["data"]
    assert model | {"created": 0} == {
        "id": "echo", "object": "model", "created": 0, "owned_by": "labkit", "root": "echo", "parent": None,
        "max_model_len": 4096, "context_tokens": 4096, "trained_context_tokens": 8192, "num_slots": 4,
        "num_parameters": 100, "size_bytes": 1234, "quantization": "Q8_0", "license": "Apache-2.0",
        "description": "fake 0.1B Q8_0", "capabilities": ["chat"], "embedding_size": None,
        "digest": model["digest"], "family": model["family"], "chat_format": None,
        "meta": {"n_ctx": 4096, "n_ctx_train": 8192, "n_embd": None, "n_params": 100, "size": 1234},
    }  # fmt: skip


def test_one_model_by_name_also_with_a_slash(http):
    assert http.get("/v1/models/echo").json()["id"] == "echo"
    response = http.get("/v1/models/some/echo")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_an_adapter_is_a_model_with_a_parent():
    model = model_object(ModelCard("sql", created=7, base="nano", digest="ab", family="qwen3", license="MIT"))
    assert (model["id"], model["root"], model["parent"], model["digest"]) == ("sql", "nano", "nano", "ab")

import pytest

USER = {"role": "user", "content": "hi"}


def post(http, path, **body):
    answer = http.post(path, json=body)
    return answer.status_code, answer.json()


def test_llama_servers_tokenize(http):
    assert post(http, "/tokenize", content="ab") == (200, {"tokens": [97, 98], "count": 2, "max_model_len": 4096})
    assert post(http, "/tokenize", content="ab", add_special=True)[1]["tokens"] == [1, 97, 98]
    pieces = post(http, "/tokenize", content="a\u0100", with_pieces=True)[1]["tokens"]
    assert pieces == [{"id": 97, "piece": "a"}, {"id": 256, "piece": [255]}]


def test_vllms_tokenize(http):
    assert post(http, "/tokenize", model="echo", prompt="ab")[1]["tokens"] == [1, 97, 98]
    answer = post(http, "/v1/tokenize", prompt="ab", add_special_tokens=False, return_token_strs=True)[1]
    assert (answer["tokens"], answer["token_strs"], answer["count"]) == ([97, 98], ["a", "b"], 2)
    conversation = post(http, "/tokenize", messages=[USER], return_token_strs=True)[1]
    assert "".join(conversation["token_strs"][1:]) == "user: hi\nassistant:"
    assert conversation["tokens"][0] == 1


def test_detokenize_under_both_names(http):
    assert post(http, "/detokenize", tokens=[97, 98]) == (200, {"content": "ab", "prompt": "ab"})


def test_apply_template(http):
    tool = {"type": "function", "function": {"name": "weather"}}
    body = {"messages": [USER], "tools": [tool], "chat_template_kwargs": {"flag": 1}, "add_generation_prompt": False}
    status, answer = post(http, "/apply-template", **body)
    assert (status, answer["prompt"]) == (200, "user: hi\nweather\nflag")
    count = post(http, "/v1/chat/completions/input_tokens", model="echo", messages=[USER])[1]
    assert count == {"object": "response.input_tokens", "input_tokens": len("user: hi\nassistant:") + 1}


def test_tokenizer_info(http):
    info = http.get("/tokenizer_info").json()
    assert (info["tokenizer_class"], info["bos_token"], info["eos_token"], info["pad_token"]) == (
        "BPE", "<s>", "</s>", None,
    )  # fmt: skip
    assert (info["model_max_length"], info["chat_template"]) == (4096, "{{ messages }}")
    assert http.get("/tokenizer_info", params={"model": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {}, "content"),
        ("/tokenize", {"content": "a", "prompt": "b"}, "prompt"),
        ("/tokenize", {"content": 5}, "content"),
        ("/tokenize", {"content": "refuse me"}, "content"),
        ("/tokenize", {"content": "a", "chat_template": "x"}, "chat_template"),
        ("/tokenize", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
        ("/detokenize", {}, "tokens"),
        ("/detokenize", {"tokens": [-1]}, "tokens[0]"),
        ("/apply-template", {}, "messages"),
        ("/apply-template", {"messages": []}, "messages"),
    ],
)
def test_what_is_wrong_is_named(http, path, body, param):
    status, answer = post(http, path, **body)
    assert (status, answer["error"]["param"]) == (400, param)


def test_fields_without_effect_are_named(http):
    answer = http.post("/tokenize", json={"content": "a", "mood": 1})
    assert answer.headers["x-labkit-ignored"] == "mood"
    strict = http.post("/tokenize", json={"content": "a", "mood": 1}, headers={"x-labkit-strict": "1"})
    assert strict.status_code == 400


def test_a_count_takes_what_a_chat_completion_takes_and_names_the_rest(http):
    path, body = "/v1/chat/completions/input_tokens", {"model": "echo", "messages": [USER], "temperature": 0.5}
    assert "x-labkit-ignored" not in http.post(path, json=body).headers
    assert http.post(path, json=body | {"mood": 1}).headers["x-labkit-ignored"] == "mood"
    assert http.post(path, json=body | {"mood": 1}, headers={"x-labkit-strict": "1"}).status_code == 400

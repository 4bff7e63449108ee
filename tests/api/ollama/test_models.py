from labkit.api.backend import ModelCard, ModelHealth
from labkit.api.ollama.models import FOREVER, UNKNOWN_DIGEST, listed, running, shown
from labkit.resources import embedded_model
from labkit.worker.messages import TokenizerDescribed

CARD = ModelCard(
    "nano", 0, context_tokens=1024, num_parameters=2_800_000, size_bytes=3, digest="ab" * 32, family="qwen3",
    quantization="Q8_0", capabilities=("chat", "completions"), license="Apache-2.0",
)  # fmt: skip


def tokenizer(template, **tokens):
    return TokenizerDescribed("r", "BPE", 4096, False, False, tokens, chat_template=template)


def template():
    return (embedded_model().parent / "chat_template.jinja").read_text()


def test_a_model_that_is_listed():
    told = listed(CARD)
    assert (told["name"], told["digest"], told["modified_at"]) == ("nano", "ab" * 32, "1970-01-01T00:00:00Z")
    assert told["details"]["parameter_size"] == "2.8M"
    assert told["details"]["families"] == ["qwen3"]
    assert listed(ModelCard("x", 0))["digest"] == UNKNOWN_DIGEST


def test_sizes_of_models_have_one_letter():
    sizes = {8_030_000_000: "8.0B", 494_000_000: "494.0M", 1500: "1.5K", 12: "12"}
    assert {n: listed(ModelCard("x", 0, num_parameters=n))["details"]["parameter_size"] for n in sizes} == sizes


def test_a_model_that_runs_says_until_when():
    assert running(CARD, ModelHealth("ready"))["expires_at"] == FOREVER
    assert running(CARD, ModelHealth("ready", expires_at=60.0))["expires_at"] == "1970-01-01T00:01:00Z"


def test_what_a_loaded_model_can_do_comes_from_its_template_and_its_tokens():
    told = shown(CARD, tokenizer(template()))
    assert told["capabilities"] == ["completion", "tools"]
    thinking = "{% for tool in tools %}<tool_call>{% endfor %}<think></think><|im_start|>"
    assert shown(CARD, tokenizer(thinking))["capabilities"] == ["completion", "tools", "thinking"]
    infill = {role: (1, role) for role in ("fim_pre", "fim_suf", "fim_mid")}
    assert shown(CARD, tokenizer(None, **infill))["capabilities"] == ["completion", "insert"]


def test_what_is_known_of_a_model_that_is_not_loaded():
    told = shown(ModelCard("x", 0, chat_template=True, family="llama", trained_context_tokens=4096), None)
    assert (told["capabilities"], told["template"]) == (["completion"], "")
    assert told["model_info"] == {"general.architecture": "llama", "llama.context_length": 4096}
    assert shown(ModelCard("x", 0, capabilities=("embeddings",)), None)["capabilities"] == ["embedding"]

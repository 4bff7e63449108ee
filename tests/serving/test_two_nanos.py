"""Two copies of the model that comes along, and memory for one: real workers come and go."""

import shutil

import httpx2
import pytest

from fakes.adapter_writer import write_adapter
from fakes.endpoints import body, wait_for
from labkit import resources
from labkit.engine.types import EngineConfig
from labkit.serving import Wishes, plan_wishes, running_endpoint
from labkit.settings import load_settings
from labkit.units import MIB

ADAPTED = ("blk.0.attn_q.weight", "blk.1.ffn_down.weight")
ENGINE = EngineConfig(context_tokens=512, num_slots=2, num_threads=1)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    settings = load_settings({"LABKIT_HOME": str(tmp_path_factory.mktemp("home"))})
    settings.models_folder.mkdir(parents=True)
    for name in ("first", "second"):
        shutil.copy(resources.embedded_model(), settings.models_folder / f"{name}.gguf")
    poet = write_adapter(settings.data_folder / "poet.gguf", resources.embedded_model(), ADAPTED, scale=1.0)
    wishes = Wishes(
        port=0,
        engine=ENGINE,
        adapters=(("first/poet", poet),),
        aliases={"gpt": "second"},
        whole_store=True,
        memory_limit_bytes=30 * MIB,
    )
    return plan_wishes([], settings, wishes)


def test_each_answers_in_its_turn_and_only_one_is_in_memory(plan):
    with running_endpoint(plan) as endpoint, httpx2.Client(base_url=endpoint.url, timeout=60, trust_env=False) as http:
        listed = [model["id"] for model in http.get("/v1/models").json()["data"]]
        assert listed == ["first", "poet", "nano", "second"]
        assert not any(endpoint.worker_pids().values())
        assert http.get("/health").status_code == 200
        said = {}
        for model in ("first", "gpt", "first"):
            asked = body("What is labkit?", model, temperature=0, max_tokens=8)
            answer = http.post("/v1/chat/completions", json=asked)
            assert answer.status_code == 200, answer.text
            said.setdefault(model, []).append(answer.json()["choices"][0]["message"]["content"])
            loaded = [name for name, pid in endpoint.worker_pids().items() if pid]
            assert loaded == ["second" if model == "gpt" else "first"]
        assert len({text for texts in said.values() for text in texts}) == 1
        asked = body("What is labkit?", "poet", temperature=0, max_tokens=8)
        poem = http.post("/v1/chat/completions", json=asked).json()["choices"][0]["message"]["content"]
        asked |= {"model": "first", "lora": [{"name": "poet", "scale": 1.0}]}
        assert http.post("/v1/chat/completions", json=asked).json()["choices"][0]["message"]["content"] == poem
        assert poem != said["first"][0]
        http.post("/api/generate", json={"model": "first", "keep_alive": 0})
        wait_for(lambda: not any(endpoint.worker_pids().values()))

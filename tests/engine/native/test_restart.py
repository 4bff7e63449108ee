"""What one engine has computed serves the next one, through the disk."""

import threading

import pytest

from labkit.engine.engine import Engine
from labkit.engine.native.backend import NativeBackend
from labkit.engine.saved_prefixes import SavedPrefixes
from labkit.engine.tiers import PrefixTiers
from labkit.engine.types import EngineConfig, GenerationRequest, SamplingParams, TokenEvent
from labkit.resources import embedded_model

QUESTION = "Repeat after me: the blue lantern floats over seven quiet rivers while nobody counts the silver boats"


def answer(folder, tenant: str = "") -> tuple[list[int], TokenEvent]:
    """The greedy answer of a new engine, and its last event."""
    config = EngineConfig(context_tokens=1024, num_slots=2, num_threads=1, speculation="off")
    backend = NativeBackend(embedded_model(), config)
    tokens: list[int] = []
    last: list[TokenEvent] = []
    done = threading.Event()

    def on_step(events: list[TokenEvent]) -> None:
        for event in events:
            tokens.extend(event.tokens)
            if event.is_last:
                last.append(event)
                done.set()

    saved = SavedPrefixes(PrefixTiers(host_bytes=0, disk_bytes=1 << 24, folder=folder), model="nano", build="test")
    engine = Engine(backend, on_step, config=config, tiers=saved, check_integrity=True)
    engine.start()
    prompt = backend.model.tokenize(f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n")
    sampling = SamplingParams(temperature=0)
    engine.submit(GenerationRequest("a", tuple(prompt), sampling, max_tokens=40, tenant=tenant))
    assert done.wait(60)
    engine.shutdown()
    saved.close()
    backend.release()
    return tokens, last[0]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_new_engine_takes_the_prompt_from_disk_unless_it_is_damaged(tmp_path, damaged):
    first, before = answer(tmp_path / "states")
    for path in (tmp_path / "states").iterdir() if damaged else ():
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    second, after = answer(tmp_path / "states")
    assert before.usage is not None
    assert after.usage is not None
    assert before.usage.cached_tokens == 0
    assert second == first
    if damaged:
        assert (after.usage.cached_tokens, after.usage.cached_from) == (0, None)
    else:
        assert (after.usage.cached_tokens, after.usage.cached_from) == (before.usage.prompt_tokens - 1, "disk")


def test_another_tenant_finds_nothing(tmp_path):
    answer(tmp_path / "states", "alice")
    _, last = answer(tmp_path / "states", "bob")
    assert last.usage is not None
    assert last.usage.cached_tokens == 0

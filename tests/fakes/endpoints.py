"""Endpoint plans whose workers are fake: real processes, no model."""

import contextlib
import sys
import time
from pathlib import Path

import httpx2

from fakes.gguf_writer import write_tiny_llama
from labkit.gguf import file_facts, validate
from labkit.model import ModelRef
from labkit.serving import EndpointPlan, RestartPolicy, ServedModel, running_endpoint

FAKE_WORKER = Path(__file__).parent / "fake_worker.py"
PROGRAM = (sys.executable, str(FAKE_WORKER))


def fake_model(path: Path, name: str | None = None) -> ServedModel:
    """A whole, valid model file; the fake worker does not open it."""
    write_tiny_llama(path, **{"general.file_type": 7, "general.license": "Apache-2.0"})
    return ServedModel(ModelRef(name=name or path.stem, path=path), file_facts(validate(path)))


def served_model(path: Path, name: str | None = None) -> ServedModel:
    """A real model file, for a real worker."""
    return ServedModel(ModelRef(name=name or path.stem, path=path), file_facts(validate(path)))


def fake_plan(folder: Path, *names: str, **changes) -> EndpointPlan:
    options = {"port": 0, "drain_seconds": 10.0, "restart": RestartPolicy(), "worker_program": PROGRAM} | changes
    models = tuple(fake_model(folder / f"{name}.gguf") for name in names or ("echo",))
    return EndpointPlan(models=models, logs_folder=folder, **options)


@contextlib.contextmanager
def fake_endpoint(folder: Path, *names: str, **changes):
    """A running endpoint with fake workers, and an HTTP client for it."""
    with (
        running_endpoint(fake_plan(folder, *names, **changes)) as endpoint,
        httpx2.Client(base_url=endpoint.url, timeout=30, trust_env=False) as http,
    ):
        yield endpoint, http


def body(text: str, model: str = "echo", **fields):
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def wait_for(condition, seconds: float = 20.0):
    """The first true value of `condition`; fails the test when there is none for a long time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it never came true")

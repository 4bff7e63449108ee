"""schemathesis against a served nano: every operation of /openapi.json, valid and invalid data, all checks.

    python benchmarks/check_openapi.py [--examples 200] [--operation /v1/messages] [--seed 1]

Two rounds. The first takes the document as it is served: names of models are any text, so that most requests end with
404. In the second the document says which models are served, so that requests reach them. The bar: 0 answers of 5xx, 0
answers that are not as described, every status documented. A request that is valid by its schema may be refused with
400, because no schema says what must hold between two fields ("stream_options is only for stream: true"), how many
tokens a prompt may have, or which token ids there are; all other refusals of valid data are failures.

schemathesis is installed into build/schemathesis on first use, apart from labkit: it brings a plugin for pytest.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import httpx2

from fakes.embedding_models import write_tiny_bert
from fakes.endpoints import served_model
from labkit.engine.types import EngineConfig
from labkit.resources import embedded_model
from labkit.serving import EndpointPlan, running_endpoint

SCHEMATHESIS = "schemathesis==4.32.5"
ENVIRONMENT = Path("build/schemathesis")
EMBEDDERS = ("bert",)
RANKERS = ("ranker",)
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "413", "429", "503"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "413", "415", "429", "503"]
"""

Document = dict[str, Any]


def main() -> int:
    """Both rounds. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=200, help="for each operation and each kind of data")
    parser.add_argument("--operation", default="", help="only paths that match this regular expression")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phases", default="examples,coverage,fuzzing")
    parser.add_argument("--round", choices=("served", "named"), help="only one of the two")
    parser.add_argument("--kept", type=Path, default=Path("build/openapi"), help="where schemathesis' reports are kept")
    options = parser.parse_args()
    options.kept.mkdir(parents=True, exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder, running_endpoint(plan(Path(folder))) as endpoint:
        document = httpx2.get(f"{endpoint.url}/openapi.json", trust_env=False).json()
        rounds = {"served": document, "named": with_names(document, endpoint.url)}
        for name, described in rounds.items():
            if options.round in (None, name):
                failed |= run(name, described, endpoint.url, options) != 0
    return int(failed)


def plan(folder: Path) -> EndpointPlan:
    """nano, a tiny model for embeddings and one that ranks."""
    models = (
        served_model(embedded_model(), "nano"),
        served_model(write_tiny_bert(folder / f"{EMBEDDERS[0]}.gguf")),
        served_model(write_tiny_bert(folder / f"{RANKERS[0]}.gguf", pooling="rank", head=1)),
    )
    # A small context: what nobody limits ends soon. The longest request is one of 2,048 prompts.
    return EndpointPlan(models, folder, port=0, engine=EngineConfig(context_tokens=128, num_slots=8))


def with_names(document: Document, url: str) -> Document:
    """The document with what is served here: names of models, and ids of things that exist."""
    told = json.loads(json.dumps(document))
    for path, operations in told["paths"].items():
        names = _names_for(path)
        for operation in operations.values():
            _name_in_body(told, operation, names)
            for parameter in operation.get("parameters", []):
                if parameter["name"] in ("name", "model"):
                    parameter["schema"] = {"enum": list(names)}
                if parameter["name"] == "response_id":
                    parameter["schema"] = {"enum": [_stored(url) for _ in range(4)]}
                if parameter["name"] == "request_id":
                    parameter["schema"] = {"enum": ["last"]}
            operation["parameters"] = [
                parameter for parameter in operation.get("parameters", []) if parameter["name"] != "x-labkit-strict"
            ]
    return told


def _names_for(path: str) -> tuple[str, ...]:
    if "embed" in path:
        return EMBEDDERS
    return RANKERS if "rerank" in path else ("nano",)


def _name_in_body(document: Document, operation: Document, names: tuple[str, ...]) -> None:
    """The body's own copy of its schema, with names of models in it: components are shared by several paths."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    given = content["schema"]
    reference = given.get("$ref") or given["allOf"][0]["$ref"]
    body = json.loads(json.dumps(document["components"]["schemas"][reference.rsplit("/", 1)[1]]))
    body["properties"] |= given.get("properties", {}) | {"model": {"enum": list(names)}}
    body["required"] = sorted({*body.get("required", []), *given.get("required", []), "model"})
    content["schema"] = body


def _stored(url: str) -> str:
    body = {"model": "nano", "input": "Hello!", "max_output_tokens": 4}
    return httpx2.post(f"{url}/v1/responses", json=body, trust_env=False).json()["id"]


def run(name: str, document: Document, url: str, options: argparse.Namespace) -> int:
    """One round of schemathesis. Returns its exit code."""
    described = options.kept / f"{name}.json"
    described.write_text(json.dumps(document))
    (options.kept / "schemathesis.toml").write_text(CONFIGURATION)
    only = ["--include-path-regex", options.operation] if options.operation else []
    command = [
        str(executable().absolute()), "--config-file", "schemathesis.toml", "run", described.name, "--url", url,
        "--checks", "all", "--phases", options.phases, "--max-examples", str(options.examples),
        "--seed", str(options.seed), "--request-timeout", "300", "--max-response-time", "300",
        "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all",
        "--warnings", "off", "--report", "json", "--report-json-path", f"{name}.report.json", *only,
    ]  # fmt: skip
    with (options.kept / f"{name}.log").open("w") as log:
        code = subprocess.run(command, cwd=options.kept, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    text = (options.kept / f"{name}.log").read_text()
    print(f"== {name}: exit code {code}; all of it is in {log.name}")
    print(text[text.rfind("= SUMMARY =") :])
    return code


def executable() -> Path:
    """schemathesis, in an environment of its own."""
    found = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin") / "schemathesis"
    if not found.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        python = found.with_name("python")
        subprocess.run([python, "-m", "pip", "install", "-q", SCHEMATHESIS], check=True)
    return found


if __name__ == "__main__":
    sys.exit(main())

"""Every client against `labkit serve nano`: makes their environments, starts the endpoint, prints one table.

Environments are made under .venv-clients and kept. `--only NAME` runs one of them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
HOME = Path.cwd() / ".venv-clients"
CLIENTS = {
    "openai": ("", "openai_client.py"),
    "langchain": ("", "langchain_client.py"),
    "litellm": ("", "litellm_client.py"),
    "pydantic-ai": ("", "pydantic_ai_client.py"),
    "instructor": ("", "instructor_client.py"),
    "lm-eval": ("lm-eval", "lm_eval_client.py"),
    "vllm-bench": ("lm-eval", "vllm_bench_client.py"),
    "guidellm": ("guidellm", "guidellm_client.py"),
    "npm-openai": ("npm", "openai_client.mjs"),
    "ai-sdk": ("npm", "ai_sdk_client.mjs"),
}


def python_of(name: str) -> Path:
    """The interpreter of one environment, made if need be."""
    folder = HOME / (name or "main")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed"
    wanted = HERE / (f"requirements-{name}.txt" if name else "requirements.txt")
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], check=True)
        stamp.write_text(wanted.read_text())
    return python


def node_folder() -> Path:
    """Where the scripts for node lie beside their packages."""
    folder = HOME / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "js").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "install", "--silent"], cwd=folder, check=True)
    return folder


def words_of(kind: str, script: str) -> list[str]:
    """The command of one client."""
    if kind == "npm":
        return ["node", str(node_folder() / script)]
    return [str(python_of(kind)), str(HERE / script)]


def start_endpoint(home: Path) -> tuple[subprocess.Popen[str], str]:
    """The endpoint and its URL."""
    command = (sys.executable, "-m", "labkit", "serve", "nano", "--embeddings", "--port", "0", "--json")
    environment = os.environ | {"LABKIT_HOME": str(home)}
    endpoint = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    assert endpoint.stdout
    told = ""
    while not told.endswith("\n}\n"):
        told += endpoint.stdout.readline()
    return endpoint, json.loads(told)["url"]


def main() -> int:
    """Print every table, and the sum of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=CLIENTS, action="append")
    names = parser.parse_args().only or list(CLIENTS)
    commands = {name: words_of(*CLIENTS[name]) for name in names}
    sums: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "scores.json"
        subprocess.run([sys.executable, HERE / "engine_scores.py", scores], check=True)
        endpoint, url = start_endpoint(Path(folder))
        environment = os.environ | {"CLIENTS_URL": url, "ENGINE_SCORES": str(scores), "HF_HUB_OFFLINE": "1"}
        try:
            for command in commands.values():
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
                print(done.stdout, flush=True)
                sums.append((done.stdout.splitlines() or ["no answer"])[-1])
        finally:
            endpoint.terminate()
            endpoint.wait()
    print("\n".join(sums))
    return int(any(" 0 failed" not in line for line in sums))


if __name__ == "__main__":
    sys.exit(main())

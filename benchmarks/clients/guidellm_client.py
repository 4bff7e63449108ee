"""guidellm against an endpoint, as it comes: completions and chat, several streams at once."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import KEY, MODEL, URL, Checks

check = Checks("guidellm")
NUM_REQUESTS = 20


def benchmarked(request_format: str) -> dict:
    """The report of one run."""
    with tempfile.TemporaryDirectory() as folder:
        prompts, report = Path(folder) / "prompts.jsonl", Path(folder) / "report.json"
        texts = (f"Question {number}: what is a model?" for number in range(2 * NUM_REQUESTS))
        rows = [{"prompt": text, "output_tokens_count": 16} for text in texts]
        prompts.write_text("\n".join(json.dumps(row) for row in rows))
        backend = f"kind=openai_http,target={URL},model={MODEL},api_key={KEY},request_format={request_format}"
        words = ("run", "--backend", backend, "--profile", "kind=concurrent,streams=4", "--disable-console")
        data = ("--data", f"kind=json_file,path={prompts}", "--output", f"kind=json,path={report}")
        limit = ("--constraint", f"kind=max_requests,count={NUM_REQUESTS}")
        program = Path(sys.executable).with_name("guidellm")
        done = subprocess.run([program, *words, *data, *limit], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-300:]
        return json.loads(report.read_text())


def check_report(report: dict) -> None:
    """Every request was completed, with all the tokens it asked for."""
    (benchmark,) = report["benchmarks"]
    found = benchmark["requests"]
    assert len(found["successful"]) >= NUM_REQUESTS, {name: len(value) for name, value in found.items()}
    assert not found["errored"], found["errored"][0]
    assert {request["output_metrics"]["text_tokens"] for request in found["successful"]} == {16}


@check("completions, 4 streams")
def _() -> None:
    check_report(benchmarked("/v1/completions"))


@check("chat, 4 streams")
def _() -> None:
    check_report(benchmarked("/v1/chat/completions"))


if __name__ == "__main__":
    check.run()

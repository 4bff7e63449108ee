"""What labkit-nano can do, measured: exact match on held-out items, asked through an OpenAI endpoint.

    python benchmarks/nano_scores.py                  starts `labkit serve nano` on a free port, prints the table
    python benchmarks/nano_scores.py --url URL        asks an endpoint that runs already
    python benchmarks/nano_scores.py --record         also writes scores.json and the model card's table

Greedy, stop included: an answer counts when its text, or its tool call, is the expected one, character for character.
The interval is Wilson's at 95 %. Exit code 1 when a bar is missed.
"""

import argparse
import contextlib
import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.client import ChatClient
from labkit.resources import embedded_model
from labkit.tune.nano import BARS, REPORTED, ScoreItem, benchmark_items
from labkit.tune.nano.sample import answer_text

ITEMS_PER_TASK = 200
NUM_AT_ONCE = 4
MAX_ANSWER_TOKENS = 200
TABLE_START, TABLE_END = "<!-- scores -->", "<!-- /scores -->"


@dataclass(frozen=True)
class TaskScore:
    """Exact matches of one task; `low` and `high` are the 95 % interval of the share; `bar` is None when only shown."""

    task: str
    num_items: int
    num_right: int
    share: float
    low: float
    high: float
    bar: float | None

    @property
    def is_missed(self) -> bool:
        """True when there is a bar and the share is below it."""
        return self.bar is not None and self.share < self.bar


def wilson_interval(num_right: int, num_items: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share (Wilson 1927); unlike the normal one it is right near 0 and 1."""
    share = num_right / num_items
    centre = share + z * z / (2 * num_items)
    spread = z * math.sqrt(share * (1 - share) / num_items + z * z / (4 * num_items**2))
    scale = 1 + z * z / num_items
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def score_task(url: str, model: str, task: str, num_items: int) -> tuple[TaskScore, list[dict[str, str]]]:
    """Asks all items of a task; returns the score and the wrong answers."""
    items = benchmark_items(task, num_items)
    with ThreadPoolExecutor(NUM_AT_ONCE) as executor:
        answers = list(executor.map(lambda item: ask(url, model, item), items))
    wrong = [
        {"question": str(item.messages[-1]["content"]), "expected": item.expected, "answer": answer}
        for item, answer in zip(items, answers, strict=True)
        if answer != item.expected
    ]
    num_right = len(items) - len(wrong)
    low, high = wilson_interval(num_right, len(items))
    score = TaskScore(task, len(items), num_right, num_right / len(items), low, high, BARS.get(task))
    return score, wrong


def ask(url: str, model: str, item: ScoreItem) -> str:
    """The model's greedy answer as text, tool calls included; an answer that was cut off gets a mark."""
    with ChatClient(url) as client:
        answer = client.complete(
            model, item.messages, tools=list(item.tools) or None, temperature=0, max_tokens=MAX_ANSWER_TOKENS
        )
    text = answer_text({"content": answer.content, "tool_calls": answer.tool_calls})
    return text + " [cut off]" if answer.finish_reason == "length" else text


@contextlib.contextmanager
def endpoint(url: str | None) -> Iterator[str]:
    """The given endpoint, or one of our own that ends with the block."""
    if url:
        yield url
        return
    command = [sys.executable, "-m", "labkit", "serve", "nano", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield read_url(server.stdout)
        finally:
            server.terminate()


def read_url(lines: Iterator[str]) -> str:
    """The address in the JSON object that `labkit serve --json` prints when it is ready."""
    text = ""
    for line in lines:
        text += line
        with contextlib.suppress(ValueError):
            return json.loads(text)["url"]
    raise SystemExit("the server ended before it was ready")


def render_table(scores: list[TaskScore]) -> str:
    """The scores as a Markdown table."""
    lines = ["| task | exact match | 95 % interval | bar | items |", "|---|---|---|---|---|"]
    for score in scores:
        bar = "" if score.bar is None else f"{score.bar:.2f}{' missed' if score.is_missed else ''}"
        interval = f"{score.low:.3f} to {score.high:.3f}"
        lines.append(f"| {score.task} | {score.share:.3f} | {interval} | {bar} | {score.num_items} |")
    return "\n".join(lines)


def record(scores: list[TaskScore]) -> None:
    """Writes scores.json beside the model, with the file's hash, and the table into the model card."""
    folder = embedded_model().parent
    digest = hashlib.sha256(embedded_model().read_bytes()).hexdigest()
    data = {"file": embedded_model().name, "sha256": digest, "scores": [asdict(score) for score in scores]}
    (folder / "scores.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    card: Path = folder / "MODEL_CARD.md"
    text = card.read_text(encoding="utf-8")
    head, tail = text[: text.index(TABLE_START)], text[text.index(TABLE_END) :]
    card.write_text(f"{head}{TABLE_START}\n{render_table(scores)}\n{tail}", encoding="utf-8")


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="an endpoint that runs already")
    parser.add_argument("--model", default="nano", help="the model's name there")
    parser.add_argument("--task", help="only this task")
    parser.add_argument("--items", type=int, default=ITEMS_PER_TASK, help="held-out items per task")
    parser.add_argument("--json", action="store_true", help="print JSON, with the wrong answers")
    parser.add_argument("--record", action="store_true", help="write scores.json and the model card's table")
    given = parser.parse_args()
    tasks = [given.task] if given.task else [*BARS, *REPORTED]
    with endpoint(given.url) as url:
        results = [score_task(url, given.model, task, given.items) for task in tasks]
    scores = [score for score, _ in results]
    if given.json:
        print(json.dumps([asdict(score) | {"wrong": wrong} for score, wrong in results], indent=1))
    else:
        print(render_table(scores))
    if given.record:
        record(scores)
    return 1 if any(score.is_missed for score in scores) else 0


if __name__ == "__main__":
    sys.exit(main())

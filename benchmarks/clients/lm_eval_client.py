"""lm-eval's `local-completions` on a multiple-choice task made here, beside the endpoint's own log-likelihoods.

Three ways: lm-eval's `remote` tokenizer (over /tokenize and /tokenizer_info) with token-id prompts, the same one
prompt at a time, and the log-likelihoods computed by this script from /v1/completions with echo. With ENGINE_SCORES
(a JSON file that `engine_scores.py` writes inside of labkit) they are also compared with the engine's own.
"""

import json
import os
import tempfile
from pathlib import Path

import lm_eval
import requests
from checks import BASE_URL, KEY, MODEL, URL, Checks
from lm_eval.models.openai_completions import LocalCompletionsAPI
from lm_eval.tasks import TaskManager
from mc_data import QUESTIONS

check = Checks("lm_eval")
SCORES = os.environ.get("ENGINE_SCORES")
TOLERANCE = 1e-3
http = requests.Session()
http.headers["authorization"] = f"Bearer {KEY}"
results: dict[str, dict] = {}


def evaluated(**options) -> dict[tuple[int, int], tuple[float, bool]]:
    """Log-likelihood and greediness of each (question, choice), as lm-eval got them."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "questions.jsonl"
        data.write_text("\n".join(json.dumps(question) for question in QUESTIONS))
        task = {
            "task": "labkit_mc",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{answer}}",
            "target_delimiter": "",
            "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
        }
        os.environ["HF_DATASETS_CACHE"] = folder
        os.environ["OPENAI_API_KEY"] = KEY
        model = LocalCompletionsAPI(
            base_url=f"{BASE_URL}/completions", model=MODEL, tokenizer_backend="remote", max_length=512, **options
        )
        found = lm_eval.simple_evaluate(
            model=model,
            tasks=[task],
            task_manager=TaskManager(),
            log_samples=True,
            bootstrap_iters=0,
        )
    results["last"] = found["results"]["labkit_mc"]
    return {
        (sample["doc_id"], k): (float(answer[0][0]), answer[0][1] in (True, "True"))
        for sample in found["samples"]["labkit_mc"]
        for k, answer in enumerate(sample["resps"])
    }


def own() -> dict[tuple[int, int], float]:
    """The same, from log-probabilities of the prompt's tokens that the endpoint tells."""
    scores = {}
    for number, question in enumerate(QUESTIONS):
        context = tokens(question["question"])
        for k, choice in enumerate(question["choices"]):
            whole = tokens(question["question"] + choice)
            body = {"model": MODEL, "prompt": whole, "echo": True, "logprobs": 0, "max_tokens": 0}
            answer = post("/v1/completions", body)
            told = answer["choices"][0]["logprobs"]["token_logprobs"]
            assert len(told) == len(whole)
            scores[number, k] = sum(told[len(context) :])
    return scores


def tokens(text: str) -> list[int]:
    """Token ids of `text` without an opening token."""
    body = {"model": MODEL, "prompt": text, "add_special_tokens": False}
    return post("/tokenize", body)["tokens"]


def post(path: str, body: dict) -> dict:
    """An answer of the endpoint."""
    answer = http.post(URL + path, json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


def difference(left: dict, right: dict) -> float:
    """The largest one."""
    assert left.keys() == right.keys()
    return max(abs(left[key] - right[key]) for key in left)


@check("local-completions runs the task in batches, and equals the endpoint's echo")
def _() -> None:
    found = evaluated(batch_size=8, num_concurrent=2)
    values = {key: value for key, (value, _) in found.items()}
    largest = difference(values, own())
    print(f"          {len(values)} log-likelihoods, accuracy {results['last']['acc,none']:.3f}; "
          f"largest difference from echo {largest:.2e}")  # fmt: skip
    assert largest < TOLERANCE
    results["batched"] = values


@check("one request at a time gives the same")
def _() -> None:
    found = evaluated(batch_size=1, num_concurrent=1)
    largest = difference({key: value for key, (value, _) in found.items()}, results["batched"])
    print(f"          largest difference between batches of 8 and of 1: {largest:.2e}")
    assert largest < TOLERANCE


@check("is_greedy is what the model's most probable token says")
def _() -> None:
    found = evaluated(batch_size=8, num_concurrent=1)
    for (number, k), (_, greedy) in found.items():
        question = QUESTIONS[number]
        context, choice = tokens(question["question"]), question["choices"][k]
        rest = tokens(question["question"] + choice)[len(context) :]
        body = {"model": MODEL, "prompt": context, "max_tokens": len(rest), "temperature": 0}
        body |= {"ignore_eos": True, "logprobs": 1}
        answer = post("/v1/completions", body)
        assert greedy == (answer["choices"][0]["text"] == choice), (number, k)


if SCORES:

    @check("log-likelihoods equal the engine's own")
    def _() -> None:
        engine = {tuple(map(int, key.split("."))): value for key, value in json.loads(Path(SCORES).read_text()).items()}
        largest = difference(results["batched"], engine)
        print(f"          largest difference from the engine's own: {largest:.2e}")
        assert largest < TOLERANCE


if __name__ == "__main__":
    check.run()

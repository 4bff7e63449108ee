"""The smoke recipe, trained twice: it must learn, repeat itself bit for bit, resume, and export what it computes."""

import json
from pathlib import Path

import pytest
import torch

import gguf
from labkit.errors import InputError
from labkit.resources import data_folder
from labkit.tune.export_gguf import ModelInfo, export_gguf
from labkit.tune.nano.conversation import TEMPLATE_FILE
from labkit.tune.nano.tokenizer import load_tokenizer
from labkit.tune.pretrain import PretrainResult, load_checkpoint, rate_factor, run
from labkit.tune.recipe import load_recipe

LOSS_BAR = 1.2
"""Mean loss of the last ten steps; an untrained model has 6.5."""
LOGIT_BAR = 1e-3

pytestmark = pytest.mark.slow
RECIPE = load_recipe(data_folder("recipes") / "nano-pretrain-smoke.yaml")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> PretrainResult:
    return run(RECIPE, tmp_path_factory.mktemp("smoke"))


def log_of(result: PretrainResult) -> list[dict]:
    lines = (result.checkpoint.parent / "training_log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_loss_reaches_its_bar(trained: PretrainResult):
    losses = [row["loss"] for row in log_of(trained)]
    assert len(losses) == RECIPE.steps
    assert losses[0] > 6
    assert sum(losses[-10:]) / 10 < LOSS_BAR


def test_the_last_step_is_scored(trained: PretrainResult):
    scores = log_of(trained)[-1]["scores"]
    assert set(scores) > {"faq", "add", "tool_call"}


def test_an_interrupted_and_resumed_run_gives_the_same_bits(trained: PretrainResult, tmp_path: Path):
    class StopError(Exception):
        pass

    def stop_at_forty(progress):
        if progress.step == 40:
            raise StopError

    with pytest.raises(StopError):
        run(RECIPE, tmp_path, on_progress=stop_at_forty)
    resumed = run(RECIPE, tmp_path, resume=True)
    first, second = (load_checkpoint(result.checkpoint)[0].state_dict() for result in (trained, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [row["loss"] for row in log_of(resumed)] == [row["loss"] for row in log_of(trained)]
    assert resumed.model_file.read_bytes() == trained.model_file.read_bytes()


def test_llama_cpp_computes_the_same_logits(trained: PretrainResult, tmp_path: Path):
    from llama_cpp import Llama

    model, _ = load_checkpoint(trained.checkpoint)
    path = tmp_path / "model-f32.gguf"
    template = TEMPLATE_FILE.read_text(encoding="utf-8")
    export_gguf(model, load_tokenizer(trained.tokenizer), template, ModelInfo("test", ""), path, "F32")
    tokens = load_tokenizer(trained.tokenizer).encode("<|im_start|>user\nRepeat: kiwi zorbel<|im_end|>\n").ids
    with torch.no_grad():
        expected = model(torch.tensor(tokens), [len(tokens)], torch.arange(len(tokens)))
    f32 = int(gguf.GGMLQuantizationType.F32)
    native = Llama(str(path), n_ctx=128, logits_all=True, type_k=f32, type_v=f32, n_threads=2, verbose=False)
    try:
        native.eval(tokens)
        computed = torch.tensor(native.scores[: len(tokens)].copy())
    finally:
        native.close()
    assert (computed - expected).abs().max().item() < LOGIT_BAR


def test_the_file_says_what_it_is(trained: PretrainResult):
    fields = gguf.GGUFReader(trained.model_file).fields
    assert fields["general.architecture"].contents() == "qwen3"
    assert fields["general.name"].contents() == "labkit-nano-smoke"
    assert fields["tokenizer.ggml.pre"].contents() == "qwen2"
    assert fields["tokenizer.chat_template"].contents() == TEMPLATE_FILE.read_text(encoding="utf-8")
    kinds = dict(
        zip(fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.token_type"].contents(), strict=True)
    )
    assert kinds["<|im_end|>"] == gguf.TokenType.CONTROL
    assert kinds["<tool_call>"] == gguf.TokenType.USER_DEFINED


def test_the_rate_warms_up_holds_and_decays():
    factors = [rate_factor(RECIPE, step) for step in range(RECIPE.steps)]
    assert factors[0] < factors[2] < factors[10] == 1.0
    assert factors[-1] < 0.1


def test_a_checkpoint_of_another_model_is_refused(trained: PretrainResult):
    other = RECIPE.model_copy(update={"model": RECIPE.model.model_copy(update={"num_layers": 3})})
    with pytest.raises(InputError, match="is of another model"):
        run(other, trained.checkpoint.parent, resume=True)


def test_a_tokenizer_of_another_size_is_refused(trained: PretrainResult, tmp_path: Path):
    (tmp_path / "tokenizer.json").write_bytes(trained.tokenizer.read_bytes())
    other = RECIPE.model_copy(update={"tokenizer": RECIPE.tokenizer.model_copy(update={"vocab_size": 700})})
    with pytest.raises(InputError, match="640 tokens, the recipe wants 700"):
        run(other, tmp_path)

"""Training from scratch: draw fresh conversations, forward, backward, step. Plain on purpose.

The run is a function of the recipe: batches depend on (seed, step) alone, so a resumed run continues as if it had never
stopped. On one machine with one thread count the same recipe gives the same bits; across processor types it does not.
"""

from __future__ import annotations

import ctypes
import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from labkit.errors import InputError
from labkit.tune.batches import Batch, step_batches
from labkit.tune.export_gguf import ModelInfo, export_gguf
from labkit.tune.muon import Muon
from labkit.tune.nano.benchmark import benchmark_items
from labkit.tune.nano.conversation import TEMPLATE_FILE, build_conversation, render
from labkit.tune.nano.tokenizer import load_tokenizer, train_tokenizer
from labkit.tune.nano.word_lists import CONTENT_WORDS
from labkit.tune.recipe import Recipe
from labkit.tune.score import score_items
from labkit.tune.tiny_model import TinyModel, TinyModelConfig

CHECKPOINT_NAME = "checkpoint.pt"
TOKENIZER_NAME = "tokenizer.json"
LOG_NAME = "training_log.jsonl"
_EVAL_SEED = 1
"""Another seed than the release scores use: runs are compared on other items than those reported."""


@dataclass(frozen=True)
class Progress:
    """One finished optimizer step. Tokens count from the run's start; `scores` only on evaluation steps."""

    step: int
    steps: int
    loss: float
    processed_tokens: int
    trained_tokens: int
    elapsed_seconds: float
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PretrainResult:
    """Where the run left its files, and its totals. `model_file` is the GGUF to serve."""

    model_file: Path
    checkpoint: Path
    tokenizer: Path
    final_loss: float
    processed_tokens: int
    trained_tokens: int
    elapsed_seconds: float


@dataclass
class _Run:
    """What a checkpoint holds. Owned by the training loop."""

    recipe: Recipe
    tokenizer: Tokenizer
    model: TinyModel
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    workers: ThreadPoolExecutor
    step: int = 0
    processed_tokens: int = 0
    trained_tokens: int = 0
    elapsed_seconds: float = 0.0
    loss: float = float("nan")


def run(
    recipe: Recipe, out_dir: Path, *, resume: bool = False, on_progress: Callable[[Progress], None] = lambda _: None
) -> PretrainResult:
    """Trains to the recipe's last step; writes tokenizer, checkpoints, log and GGUF file into `out_dir`.

    Blocks until done. With `resume` it continues from the checkpoint in `out_dir` if there is one. Interrupting it
    loses at most the steps since that checkpoint.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    torch.set_num_threads(1)
    state = _start(recipe, out_dir)
    if resume and (out_dir / CHECKPOINT_NAME).exists():
        _restore(state, out_dir / CHECKPOINT_NAME)
    log_path = out_dir / LOG_NAME
    _trim_log(log_path, state.step)
    for batches in _prefetch(state):
        started = time.monotonic()
        _train_step(state, batches)
        scores = _scores_if_due(state)
        state.elapsed_seconds += time.monotonic() - started
        progress = Progress(
            state.step,
            recipe.steps,
            state.loss,
            state.processed_tokens,
            state.trained_tokens,
            state.elapsed_seconds,
            scores,
        )
        _log(log_path, progress)
        on_progress(progress)
        if state.step % recipe.save.checkpoint_every_steps == 0 or state.step == recipe.steps:
            _save(state, out_dir / CHECKPOINT_NAME)
    return PretrainResult(
        _export(state, out_dir / f"{recipe.name}-q8_0.gguf"),
        out_dir / CHECKPOINT_NAME,
        out_dir / TOKENIZER_NAME,
        state.loss,
        state.processed_tokens,
        state.trained_tokens,
        state.elapsed_seconds,
    )


def keep_freed_memory() -> None:
    """Tells glibc to keep what is freed instead of giving it back: a quarter less time per step. No-op elsewhere."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    trim_threshold, mmap_threshold, arena_max = -1, -3, -8
    for option, value in ((trim_threshold, 2**31 - 1), (mmap_threshold, 2**30), (arena_max, 1)):
        libc.mallopt(option, value)


def load_checkpoint(path: Path) -> tuple[TinyModel, Recipe]:
    """The model of a checkpoint, ready for evaluation or export."""
    data = torch.load(path, weights_only=True)
    recipe = Recipe.model_validate_json(data["recipe"])
    model = TinyModel(model_config(recipe))
    model.load_state_dict(data["model"])
    return model.eval(), recipe


def model_config(recipe: Recipe) -> TinyModelConfig:
    """The recipe's sizes as the model wants them."""
    return TinyModelConfig(vocab_size=recipe.tokenizer.vocab_size, **recipe.model.model_dump())


def prepare_tokenizer(recipe: Recipe, path: Path) -> Tokenizer:
    """Trains the tokenizer on the first phase's mix, unless `path` has it already.

    Raises InputError when it has not the size that the recipe asks for.
    """
    if not path.exists():
        rng = random.Random(f"{recipe.seed} tokenizer")
        weights = recipe.phases[0].weights
        texts = (render(build_conversation(rng, weights)) for _ in range(recipe.tokenizer.num_conversations))
        part = recipe.tokenizer
        train_tokenizer(texts, part.vocab_size, part.num_spaced_words, CONTENT_WORDS).save(str(path))
    tokenizer = load_tokenizer(path)
    if tokenizer.get_vocab_size() != recipe.tokenizer.vocab_size:
        raise InputError(
            f"{path} has {tokenizer.get_vocab_size()} tokens, the recipe wants {recipe.tokenizer.vocab_size}",
            hint="name another folder; if it was just made, ask for more num_conversations",
        )
    return tokenizer


def _start(recipe: Recipe, out_dir: Path) -> _Run:
    tokenizer = prepare_tokenizer(recipe, out_dir / TOKENIZER_NAME)
    torch.manual_seed(recipe.seed)
    model = TinyModel(model_config(recipe))
    in_layers = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or ".layers." not in name]
    part = recipe.optimizer
    workers = ThreadPoolExecutor(recipe.threads)
    muon = Muon(in_layers, part.matrix_rate, part.momentum, part.weight_decay, workers)
    adam = torch.optim.AdamW(others, part.other_rate, betas=(0.9, 0.95), weight_decay=0.0)
    return _Run(recipe, tokenizer, model, (muon, adam), workers)


def rate_factor(recipe: Recipe, step: int) -> float:
    """Warm-up, the phase's rate, then linear decay to `final_rate` over the last `decay_share` of its steps."""
    part = recipe.optimizer
    warm = min(1.0, (step + 1) / max(1, part.warmup_steps))
    end = part.decay_end_step or recipe.steps
    left = (end - step) / max(1.0, part.decay_share * end)
    return warm * recipe.phase_at(step).rate * max(part.final_rate, min(1.0, left))


def _prefetch(state: _Run) -> Iterator[list[Batch]]:
    """Batches for the steps that are left; the next one is made while the current one trains."""
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(step_batches, state.recipe, state.tokenizer, state.step)
        for step in range(state.step, state.recipe.steps):
            batches = waiting.result()
            waiting = executor.submit(step_batches, state.recipe, state.tokenizer, step + 1)
            yield batches


def _train_step(state: _Run, batches: list[Batch]) -> None:
    """Gradients of all forwards, each divided by the trained tokens of the whole step, then one update."""
    num_trained = sum(len(batch.targets) for batch in batches)
    parameters = list(state.model.parameters())

    def gradients(batch: Batch) -> tuple[float, tuple[Tensor, ...]]:
        logits = state.model(batch.tokens, batch.lengths, batch.positions)
        loss = functional.cross_entropy(logits, batch.targets, reduction="sum") / num_trained
        return loss.item(), torch.autograd.grad(loss, parameters)

    # One thread per forward, matrices single-threaded: on three cores this is twice as fast as the other way round.
    # The sum runs in the order of the batches, so the result does not depend on which thread was first.
    state.loss = 0.0
    for loss, parts in state.workers.map(gradients, batches):
        state.loss += loss
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part if parameter.grad is None else parameter.grad.add_(part)
    torch.nn.utils.clip_grad_norm_(parameters, state.recipe.optimizer.clip_norm)
    factor = rate_factor(state.recipe, state.step)
    rates = (state.recipe.optimizer.matrix_rate, state.recipe.optimizer.other_rate)
    for optimizer, rate in zip(state.optimizers, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate * factor
        optimizer.step()
        optimizer.zero_grad()
    state.step += 1
    state.trained_tokens += num_trained
    state.processed_tokens += sum(len(batch.tokens) for batch in batches)


def _scores_if_due(state: _Run) -> dict[str, float]:
    save = state.recipe.save
    if state.step % save.eval_every_steps and state.step != state.recipe.steps:
        return {}
    return score_items(state.model, state.tokenizer, benchmark_items(None, save.eval_items, _EVAL_SEED))


def _export(state: _Run, path: Path) -> Path:
    info = ModelInfo(state.recipe.name, state.recipe.description)
    template = TEMPLATE_FILE.read_text(encoding="utf-8")
    export_gguf(state.model, state.tokenizer, template, info, path)
    return path


def _log(path: Path, progress: Progress) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(progress)) + "\n")


def _trim_log(path: Path, step: int) -> None:
    """Drops what was logged after the checkpoint that the run continues from."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


def _save(state: _Run, path: Path) -> None:
    """Writes beside the old checkpoint and renames, so that an interrupted write costs nothing."""
    data = {
        "recipe": state.recipe.model_dump_json(),
        "model": state.model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "step": state.step,
        "processed_tokens": state.processed_tokens,
        "trained_tokens": state.trained_tokens,
        "elapsed_seconds": state.elapsed_seconds,
        "loss": state.loss,
    }
    temporary = path.with_suffix(".tmp")
    torch.save(data, temporary)
    temporary.replace(path)


def _restore(state: _Run, path: Path) -> None:
    data = torch.load(path, weights_only=True)
    saved_recipe = Recipe.model_validate_json(data["recipe"])
    if (saved_recipe.model, saved_recipe.tokenizer) != (state.recipe.model, state.recipe.tokenizer):
        raise InputError(
            f"the checkpoint {path} is of another model", hint="name another folder, or that model's recipe"
        )
    state.model.load_state_dict(data["model"])
    for optimizer, saved in zip(state.optimizers, data["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    for name in ("step", "processed_tokens", "trained_tokens", "elapsed_seconds", "loss"):
        setattr(state, name, data[name])

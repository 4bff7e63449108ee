"""Conversations to tensors: tokenized, masked, and shared out to forwards of equal work."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from labkit.tune.nano.conversation import Conversation, build_conversation, render
from labkit.tune.nano.tokenizer import trained_mask
from labkit.tune.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """One forward: conversations one after the other in `tokens` [sum of lengths].

    `positions` are the tokens whose next token is trained, `targets` those next tokens.
    """

    tokens: Tensor
    lengths: list[int]
    positions: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Row:
    """A tokenized conversation."""

    tokens: list[int]
    mask: list[bool]


def tokenize_conversation(conversation: Conversation, tokenizer: Tokenizer, max_tokens: int) -> Row:
    """Renders with the chat template; what is longer than `max_tokens` is cut."""
    tokens = tokenizer.encode(render(conversation)).ids[:max_tokens]
    return Row(tokens, trained_mask(tokens, tokenizer))


def collate(rows: list[Row]) -> Batch:
    """Rows to one batch; nothing is padded."""
    tokens: list[int] = []
    positions: list[int] = []
    targets: list[int] = []
    for row in rows:
        trained = [at for at, is_trained in enumerate(row.mask) if is_trained]
        positions += [len(tokens) + at - 1 for at in trained]
        targets += [row.tokens[at] for at in trained]
        tokens += row.tokens
    lengths = [len(row.tokens) for row in rows]
    return Batch(torch.tensor(tokens), lengths, torch.tensor(positions), torch.tensor(targets))


def step_batches(recipe: Recipe, tokenizer: Tokenizer, step: int) -> list[Batch]:
    """All forwards of one optimizer step: a function of the recipe's seed and the step only."""
    rng = random.Random(f"{recipe.seed} {step}")
    weights = recipe.phase_at(step).weights
    limit = recipe.batch.max_conversation_tokens
    rows: list[Row] = []
    total = 0
    while total < recipe.batch.step_tokens:
        rows.append(tokenize_conversation(build_conversation(rng, weights), tokenizer, limit))
        total += len(rows[-1].tokens)
    num_forwards = recipe.threads * max(1, round(total / (recipe.threads * recipe.batch.forward_tokens)))
    return [collate(part) for part in share_out(rows, num_forwards)]


def share_out(rows: list[Row], num_parts: int) -> list[list[Row]]:
    """At most `num_parts` parts of about equal numbers of tokens: longest first, each to the part with the fewest."""
    parts: list[list[Row]] = [[] for _ in range(num_parts)]
    sizes = [0] * num_parts
    for row in sorted(rows, key=lambda row: len(row.tokens), reverse=True):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(row)
        sizes[smallest] += len(row.tokens)
    return [part for part in parts if part]

"""Held-out exact match during training, without generating.

Greedy decoding gives exactly the expected text if and only if, fed with that text, the model's best next token is the
right one at every position, the stop included. So one forward per item is enough.
"""

from __future__ import annotations

from collections import Counter

import torch
from tokenizers import Tokenizer

from labkit.tune.batches import Row, collate
from labkit.tune.nano.benchmark import ScoreItem
from labkit.tune.nano.conversation import Conversation, render
from labkit.tune.nano.tokenizer import END
from labkit.tune.tiny_model import TinyModel

_ITEMS_PER_FORWARD = 16


def item_row(item: ScoreItem, tokenizer: Tokenizer) -> Row:
    """The item's prompt, then its expected answer as the trained part."""
    prompt = tokenizer.encode(render(Conversation(item.messages, item.tools), add_generation_prompt=True)).ids
    answer = [*tokenizer.encode(item.expected).ids, tokenizer.token_to_id(END)]
    return Row(prompt + answer, [False] * len(prompt) + [True] * len(answer))


@torch.no_grad()
def score_items(model: TinyModel, tokenizer: Tokenizer, items: list[ScoreItem]) -> dict[str, float]:
    """Exact-match share per task."""
    right: Counter[str] = Counter()
    for start in range(0, len(items), _ITEMS_PER_FORWARD):
        part = items[start : start + _ITEMS_PER_FORWARD]
        rows = [item_row(item, tokenizer) for item in part]
        batch = collate(rows)
        hits = (model(batch.tokens, batch.lengths, batch.positions).argmax(dim=-1) == batch.targets).tolist()
        for item, row in zip(part, rows, strict=True):
            num_trained = sum(row.mask)
            right[item.task] += all(hits[:num_trained])
            hits = hits[num_trained:]
    totals = Counter(item.task for item in items)
    return {task: right[task] / total for task, total in totals.items()}

"""A small model that proposes tokens for a large one (draft model speculation)."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np

from labkit.engine.native.context import NativeContext
from labkit.engine.native.model import NativeModel
from labkit.errors import ForwardError, ModelLoadError

CATCH_UP_TOKENS = 512
"""Most prompt tokens that one call computes: the streams of the large model wait meanwhile."""


class DraftModel:
    """Implements `labkit.engine.drafting.Drafter` greedily. The loop alone calls it, in one thread.

    It has a model and a context of its own. A sequence keeps its KV cells between calls, so a step computes the
    tokens that were accepted in place of its own, and one forward for each token it proposes.

    Attributes:
        computed_tokens: evaluated since the start.
    """

    is_free = False

    def __init__(
        self,
        path: Path,
        target: NativeModel,
        *,
        context_tokens: int,
        num_slots: int = 8,
        num_threads: int = 1,
        gpu_layers: int = -1,
    ) -> None:
        """Load `path` as the draft model of `target`; the file must have been validated (`labkit.gguf`).

        Raises ModelLoadError when the vocabularies differ, or the model cannot take back what was rejected.
        """
        self.model = NativeModel(path, gpu_layers=gpu_layers)
        try:
            _check(self.model, target, path.name)
            self.context = NativeContext(
                self.model, context_tokens=context_tokens, num_slots=num_slots, num_threads=num_threads
            )
        except Exception:
            self.model.close()
            raise
        self.computed_tokens = 0
        self._longest = min(self.context.context_tokens, self.model.trained_context_tokens)
        # Tokens whose cells each slot holds, and the slot of each sequence, least recently used first.
        self._tokens: list[list[int]] = [[] for _ in range(self.context.num_slots)]
        self._slots: OrderedDict[str, int] = OrderedDict()

    def propose(self, sequence_id: str, tokens: Sequence[int], max_tokens: int) -> tuple[int, ...]:
        """At most `max_tokens` tokens that follow `tokens` greedily. Blocks for as many forwards.

        Empty while a long prompt is not caught up with (512 tokens a call), and where it does not fit the context.
        """
        max_tokens = min(max_tokens, self._longest - len(tokens))
        if max_tokens < 1 or not tokens:
            return ()
        slot = self._slot_of(sequence_id)
        try:
            self._rewind(slot, tokens)
            self._make_room(slot, len(tokens) + max_tokens)
            if not self._catch_up(slot, tokens):
                return ()
            return self._draft_from(slot, max_tokens)
        except ForwardError:
            # A draft is a wish: the large model goes on without it.
            self.forget(sequence_id)
            return ()

    def forget(self, sequence_id: str) -> None:
        """See Drafter.forget."""
        slot = self._slots.pop(sequence_id, None)
        if slot is not None:
            self._free(slot, 0)

    def set_threads(self, num_threads: int) -> None:
        """Threads from the next forward on."""
        self.context.set_threads(num_threads)

    def close(self) -> None:
        """Free context and model. Nothing is of use afterwards."""
        self.context.close()
        self.model.close()

    def _slot_of(self, sequence_id: str) -> int:
        slot = self._slots.get(sequence_id)
        if slot is None:
            if len(self._slots) == len(self._tokens):
                self.forget(next(iter(self._slots)))
            slot = min(set(range(len(self._tokens))) - set(self._slots.values()))
            self._slots[sequence_id] = slot
        self._slots.move_to_end(sequence_id)
        return slot

    def _rewind(self, slot: int, tokens: Sequence[int]) -> None:
        """Drop the cells that are not of `tokens`, and that of the last one, whose logits are wanted."""
        known = self._tokens[slot]
        keep = min(_common_length(known, tokens), len(tokens) - 1)
        if keep < len(known):
            self._free(slot, keep)

    def _free(self, slot: int, start: int) -> None:
        kept = start if self.context.free_cells(slot, start) else 0
        del self._tokens[slot][kept:]

    def _make_room(self, slot: int, num_cells: int) -> None:
        """Let the least recently used sequences go until this one has `num_cells`."""
        for other in list(self._slots):
            used = sum(len(tokens) for tokens in self._tokens) - len(self._tokens[slot])
            if used + num_cells <= self.context.context_tokens:
                return
            if self._slots[other] != slot:
                self.forget(other)

    def _catch_up(self, slot: int, tokens: Sequence[int]) -> bool:
        """Compute what is missing, a bounded part at a time. Whether the logits of the last token are there."""
        known = self._tokens[slot]
        missing = tokens[len(known) : len(known) + min(CATCH_UP_TOKENS, self.context.batch_tokens)]
        self._forward(slot, missing)
        return len(known) == len(tokens)

    def _draft_from(self, slot: int, max_tokens: int) -> tuple[int, ...]:
        draft: list[int] = []
        while True:
            token = int(np.argmax(self.context.logits(self.context.batch.num_tokens - 1)))
            draft.append(token)
            if len(draft) == max_tokens or self.model.is_end(token):
                return tuple(draft)
            self._forward(slot, (token,))

    def _forward(self, slot: int, tokens: Sequence[int]) -> None:
        known = self._tokens[slot]
        self.context.forward_tokens(tokens, len(known), slot)
        known.extend(tokens)
        self.computed_tokens += len(tokens)


def _check(draft: NativeModel, target: NativeModel, name: str) -> None:
    hint = "choose a draft model of the same family, or serve with speculation by prompt look-up"
    if draft.memory_kind not in ("full", "window"):
        raise ModelLoadError(f"{name} cannot be a draft model: it cannot take back rejected tokens", hint=hint)
    if draft.vocab_size != target.vocab_size:
        sizes = f"its vocabulary has {draft.vocab_size} tokens, the model's has {target.vocab_size}"
        raise ModelLoadError(f"{name} cannot be the draft model: {sizes}", hint=hint)
    for token in range(target.vocab_size):
        own = llama_cpp.llama_vocab_get_text(draft.vocab, token)
        if own != (other := llama_cpp.llama_vocab_get_text(target.vocab, token)):
            texts = f"token {token} is {own!r}, the model's is {other!r}"
            raise ModelLoadError(f"{name} cannot be the draft model: {texts}", hint=hint)


def _common_length(known: Sequence[int], tokens: Sequence[int]) -> int:
    pairs = zip(known, tokens, strict=False)
    return next((index for index, (own, other) in enumerate(pairs) if own != other), min(len(known), len(tokens)))

"""Which slot holds which tokens: a radix tree over the one KV cache that all sequences share.

A node is a run of cells that were computed once. A slot (running or cached) holds a path from a root to its tip, and
several slots may hold the same nodes: that is what `copy_cells` makes, and it costs no cells. Two sequences that
computed the same tokens at the same time own nodes side by side, so that the tree counts cells exactly as the native
cache does.
"""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Match:
    """The longest held beginning of some tokens: the first `num_tokens` cells of `slot`."""

    slot: int
    num_tokens: int


@dataclass(slots=True, eq=False)
class _Node:
    parent: "_Node | None"
    tokens: list[int]
    slots: set[int] = field(default_factory=set)
    children: dict[int, list["_Node"]] = field(default_factory=dict)

    def adopt(self, child: "_Node") -> None:
        child.parent = self
        self.children.setdefault(child.tokens[0], []).append(child)

    def disown(self, child: "_Node") -> None:
        twins = self.children[child.tokens[0]]
        twins.remove(child)
        if not twins:
            del self.children[child.tokens[0]]


class PrefixTree:
    """Paths of tokens by slot. Sequences of different identities never share a node."""

    def __init__(self) -> None:
        self._roots: dict[Hashable, _Node] = {}
        self._tips: dict[int, _Node] = {}
        self._lengths: dict[int, int] = {}
        self._identities: dict[int, Hashable] = {}
        self.num_cells = 0

    def __contains__(self, slot: int) -> bool:
        return slot in self._tips

    def length(self, slot: int) -> int:
        """Tokens that `slot` holds."""
        return self._lengths[slot]

    def identity(self, slot: int) -> Hashable:
        """The identity that `slot` was planted with."""
        return self._identities[slot]

    def plant(self, slot: int, identity: Hashable) -> None:
        """Let `slot` hold an empty path. Raises ValueError when it holds one already."""
        if slot in self._tips:
            raise ValueError(f"slot {slot} is in the tree already")
        root = self._roots.setdefault(identity, _Node(None, []))
        root.slots.add(slot)
        self._tips[slot], self._lengths[slot], self._identities[slot] = root, 0, identity

    def share(self, source: int, slot: int, num_tokens: int) -> None:
        """Let the empty `slot` hold the first `num_tokens` of `source` too."""
        if self._lengths[slot] or not 0 <= num_tokens <= self._lengths[source]:
            raise ValueError(f"slot {slot} cannot share {num_tokens} tokens of slot {source}")
        node, left = self._tips[source], self._lengths[source] - num_tokens
        while left >= len(node.tokens) and node.parent is not None:
            left -= len(node.tokens)
            node = node.parent
        if left:
            node = self._split(node, len(node.tokens) - left)
        self._tips[slot], self._lengths[slot] = node, num_tokens
        above: _Node | None = node
        while above is not None:
            above.slots.add(slot)
            above = above.parent

    def extend(self, slot: int, tokens: Sequence[int]) -> None:
        """`slot` has computed `tokens` after what it holds."""
        if not tokens:
            return
        tip = self._tips[slot]
        if tip.parent is not None and len(tip.slots) == 1 and not tip.children:
            tip.tokens.extend(tokens)
        else:
            child = _Node(tip, list(tokens), {slot})
            tip.adopt(child)
            self._tips[slot] = child
        self._lengths[slot] += len(tokens)
        self.num_cells += len(tokens)

    def truncate(self, slot: int, num_tokens: int) -> None:
        """`slot` has dropped everything after its first `num_tokens`."""
        while self._lengths[slot] > num_tokens:
            tip = self._tips[slot]
            surplus = self._lengths[slot] - num_tokens
            if surplus < len(tip.tokens):
                above = self._split(tip, len(tip.tokens) - surplus)
            else:
                above = tip.parent or tip
                surplus = len(tip.tokens)
            self._tips[slot] = above
            self._lengths[slot] -= surplus
            self._leave(tip, slot)

    def remove(self, slot: int) -> int:
        """Take `slot` out. Returns how many cells nobody holds any more."""
        before = self.num_cells
        node: _Node | None = self._tips.pop(slot)
        identity = self._identities.pop(slot)
        del self._lengths[slot]
        while node is not None:
            above = node.parent
            self._leave(node, slot)
            node = above
        if not self._roots[identity].slots:
            del self._roots[identity]
        return before - self.num_cells

    def longest_match(
        self, identity: Hashable, tokens: list[int], limit: int, *, among: Collection[int] | None = None
    ) -> Match | None:
        """The slot that holds most of the beginning of `tokens`, at most `limit`; only slots of `among` when given."""
        best: Match | None = None
        for node, start, common in self._matching(identity, tokens, limit):
            slots = node.slots if among is None else [slot for slot in node.slots if slot in among]
            if slots and common and (best is None or start + common > best.num_tokens):
                best = Match(min(slots), start + common)
        return best

    def longest_whole_match(self, identity: Hashable, tokens: list[int], limit: int) -> Match | None:
        """Like `longest_match`, for models that can only copy whole sequences: the match ends where its slot ends."""
        best: Match | None = None
        for node, start, common in self._matching(identity, tokens, limit):
            end = start + common
            if common < len(node.tokens) or (best is not None and end <= best.num_tokens):
                continue
            whole = [slot for slot in node.slots if self._tips[slot] is node]
            if whole and end:
                best = Match(min(whole), end)
        return best

    def is_covered(self, slot: int) -> bool:
        """Whether other slots hold everything that `slot` holds."""
        return len(self._tips[slot].slots) > 1

    def shares_tip(self, slot: int, other: int) -> bool:
        """Whether `other` holds everything that `slot` holds."""
        return other in self._tips[slot].slots

    def cells_of(self, slots: Collection[int]) -> int:
        """Cells that at least one of `slots` holds."""
        count = 0
        pending = list(self._roots.values())
        while pending:
            node = pending.pop()
            if node.slots.isdisjoint(slots):
                continue
            count += len(node.tokens)
            for twins in node.children.values():
                pending.extend(twins)
        return count

    def path(self, slot: int) -> list[int]:
        """The tokens that `slot` holds."""
        parts: list[list[int]] = []
        node: _Node | None = self._tips[slot]
        while node is not None:
            parts.append(node.tokens)
            node = node.parent
        return [token for part in reversed(parts) for token in part]

    def check_integrity(self) -> None:
        """Raise RuntimeError when the books do not balance. For tests."""
        total = 0
        seen: dict[int, int] = {}
        pending = list(self._roots.values())
        while pending:
            node = pending.pop()
            total += len(node.tokens)
            for slot in node.slots:
                seen[slot] = seen.get(slot, 0) + len(node.tokens)
            for first, twins in node.children.items():
                for child in twins:
                    if child.parent is not node or child.tokens[0] != first or not child.slots <= node.slots:
                        raise RuntimeError("a child does not belong to its parent")
                    pending.append(child)
            if not node.slots:
                raise RuntimeError("a node that no slot holds")
        if total != self.num_cells or seen != self._lengths:
            raise RuntimeError(f"the tree holds {total} cells {seen}, its books say {self.num_cells} {self._lengths}")

    def _matching(self, identity: Hashable, tokens: list[int], limit: int) -> list[tuple[_Node, int, int]]:
        """(node, tokens before it, tokens of it that match) for every node along `tokens`."""
        root = self._roots.get(identity)
        found: list[tuple[_Node, int, int]] = []
        pending = [(root, 0)] if root is not None else []
        while pending:
            node, end = pending.pop()
            if end >= limit:
                continue
            for child in node.children.get(tokens[end], ()):
                common = common_length(child.tokens, 0, tokens, end, limit - end)
                found.append((child, end, common))
                if common == len(child.tokens):
                    pending.append((child, end + common))
        return found

    def _split(self, node: _Node, at: int) -> _Node:
        """Cut `node` in two; returns the upper part. Slots keep their tips at the lower one."""
        upper = _Node(None, node.tokens[:at], set(node.slots))
        above = node.parent
        if above is None:
            raise RuntimeError("a root has no tokens to split")
        above.disown(node)
        above.adopt(upper)
        node.tokens = node.tokens[at:]
        upper.adopt(node)
        return upper

    def _leave(self, node: _Node, slot: int) -> None:
        node.slots.discard(slot)
        if node.parent is None:
            return
        if node.slots:
            self._join(node)
        else:
            node.parent.disown(node)
            self.num_cells -= len(node.tokens)

    def _join(self, node: _Node) -> None:
        """Undo a split that nobody needs any more: a prompt that many share for a while must not end in crumbs.

        The lower node lives on, since it may be the tip of a slot; the upper one cannot.
        """
        if node.parent is None or len(node.children) != 1:
            return
        (twins,) = node.children.values()
        if len(twins) != 1 or len(twins[0].slots) != len(node.slots):
            return
        above, lower = node.parent, twins[0]
        above.disown(node)
        lower.tokens = node.tokens + lower.tokens
        above.adopt(lower)


def common_length(
    left: list[int], left_start: int, right: list[int], right_start: int, limit: int | None = None
) -> int:
    """How many tokens are equal from the two starts on, at most `limit`."""
    length = min(len(left) - left_start, len(right) - right_start)
    if limit is not None:
        length = min(length, limit)
    if length <= 0 or left[left_start] != right[right_start]:
        return 0
    if left[left_start : left_start + length] == right[right_start : right_start + length]:
        return length
    low, high = 1, length  # equal up to low, different somewhere before high
    while high - low > 1:
        middle = (low + high) // 2
        if left[left_start + low : left_start + middle] == right[right_start + low : right_start + middle]:
            low = middle
        else:
            high = middle
    return low

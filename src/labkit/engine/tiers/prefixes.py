"""Which stored sequence has the most tokens in common with a prompt: a radix tree over packed token ids."""

from dataclasses import dataclass, field
from itertools import islice

TOKEN_BYTES = 4
_MOST_COMPARED = 32  # branches behind a fork: a system prompt may have thousands


@dataclass(slots=True, eq=False)
class _Node:
    """`label` leads here from the parent. `key` names the sequence that ends here."""

    label: bytes
    parent: "_Node | None"
    key: str | None = None
    children: dict[bytes, "_Node"] = field(default_factory=dict)


class PrefixIndex:
    """Sequences of packed tokens (`identity.packed`), each with a key. Every operation costs O(length)."""

    def __init__(self) -> None:
        self._root = _Node(b"", None)
        self._ends: dict[str, _Node] = {}

    def __len__(self) -> int:
        return len(self._ends)

    def __contains__(self, key: str) -> bool:
        return key in self._ends

    def add(self, key: str, tokens: bytes) -> None:
        """Store a sequence; nothing happens when the key is known. One sequence has one key."""
        if key in self._ends:
            return
        node, depth = self._root, 0
        while depth < len(tokens):
            child = node.children.get(tokens[depth : depth + TOKEN_BYTES])
            if child is None:
                child = _Node(tokens[depth:], node)
                node.children[child.label[:TOKEN_BYTES]] = child
            else:
                common = _common(tokens, depth, child.label)
                if common < len(child.label):
                    child = _split(child, common)
            node, depth = child, depth + len(child.label)
        node.key = key
        self._ends[key] = node

    def remove(self, key: str) -> None:
        """Forget a sequence; harmless when the key is unknown."""
        node = self._ends.pop(key, None)
        if node is None:
            return
        node.key = None
        while node.parent is not None and node.key is None and len(node.children) < 2:
            parent = node.parent
            if node.children:
                (child,) = node.children.values()
                child.label = node.label + child.label
                child.parent = parent
                parent.children[child.label[:TOKEN_BYTES]] = child
                return
            del parent.children[node.label[:TOKEN_BYTES]]
            node = parent

    def whole_beginnings(self, tokens: bytes) -> list[tuple[str, int]]:
        """(key, bytes) of every sequence that `tokens` begin with, shortest first."""
        found = []
        node, depth = self._root, 0
        while True:
            if node.key is not None:
                found.append((node.key, depth))
            child = node.children.get(tokens[depth : depth + TOKEN_BYTES])
            if child is None or not tokens.startswith(child.label, depth):
                return found
            node, depth = child, depth + len(child.label)

    def longest_common(self, tokens: bytes) -> tuple[str, int] | None:
        """(key, common bytes) of a sequence that shares the longest beginning with `tokens`; None if none does.

        Among those that share it, one that goes on for as little as can be told from its next branches.
        """
        node, depth = self._root, 0
        while child := node.children.get(tokens[depth : depth + TOKEN_BYTES]):
            common = _common(tokens, depth, child.label)
            node, depth = child, depth + common
            if common < len(child.label):
                break
        return (_nearest_end(node), depth) if depth else None


def _common(tokens: bytes, start: int, label: bytes) -> int:
    """Bytes, in whole tokens, that `label` has in common with `tokens` from `start` on."""
    if tokens.startswith(label, start):
        return len(label)
    same, different = 0, min(len(label), len(tokens) - start) // TOKEN_BYTES + 1
    while different - same > 1:
        middle = (same + different) // 2
        end = middle * TOKEN_BYTES
        if tokens.startswith(label[same * TOKEN_BYTES : end], start + same * TOKEN_BYTES):
            same = middle
        else:
            different = middle
    return same * TOKEN_BYTES


def _split(node: _Node, common: int) -> _Node:
    """Cut the way to `node` after `common` bytes; returns the new node there."""
    parent = node.parent
    if parent is None:
        raise ValueError("the root has no label to split")
    upper = _Node(node.label[:common], parent)
    parent.children[upper.label[:TOKEN_BYTES]] = upper
    node.label = node.label[common:]
    node.parent = upper
    upper.children[node.label[:TOKEN_BYTES]] = node
    return upper


def _nearest_end(node: _Node) -> str:
    while node.key is None:
        node = min(islice(node.children.values(), _MOST_COMPARED), key=lambda child: len(child.label))
    return node.key

"""How far a walk over rules that refer to one another can go down."""

from collections.abc import Iterable, Mapping


def longest_chain(references: Mapping[str, Iterable[str]]) -> int:
    """An upper bound of how deep a walk over references gets: the longest path, cycles counted whole.

    Kosaraju's algorithm without recursion finds the cycles; https://en.wikipedia.org/wiki/Kosaraju%27s_algorithm.
    """
    backwards: dict[str, list[str]] = {name: [] for name in references}
    for name, targets in references.items():
        for target in targets:
            backwards[target].append(name)
    component: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for root in reversed(_finishing_order(references)):
        stack = [root]
        while stack:
            name = stack.pop()
            if name not in component:
                component[name] = root
                sizes[root] = sizes.get(root, 0) + 1
                stack.extend(backwards[name])
    # Components were found callers first, so that each one's callees are finished when it is looked at backwards.
    chains = dict(sizes)
    members: dict[str, list[str]] = {root: [] for root in sizes}
    for name, root in component.items():
        members[root].append(name)
    for root in reversed(sizes):
        below = (component[target] for name in members[root] for target in references[name])
        chains[root] += max((chains[other] for other in below if other != root), default=0)
    return max(chains.values(), default=0)


def _finishing_order(references: Mapping[str, Iterable[str]]) -> list[str]:
    order: list[str] = []
    seen: set[str] = set()
    for root in references:
        stack = [(root, iter(references[root]))] if root not in seen else []
        seen.add(root)
        while stack:
            name, targets = stack[-1]
            target = next((target for target in targets if target not in seen), None)
            if target is None:
                stack.pop()
                order.append(name)
            else:
                seen.add(target)
                stack.append((target, iter(references[target])))
    return order

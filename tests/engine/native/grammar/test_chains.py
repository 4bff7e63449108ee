import itertools

from hypothesis import given
from hypothesis import strategies as st

from labkit.engine.native.grammar.chains import longest_chain

names = st.sampled_from("abcdef")
graphs = st.dictionaries(names, st.lists(names, max_size=4), min_size=1).map(
    lambda graph: {name: [target for target in targets if target in graph] for name, targets in graph.items()}
)


def longest_path(graph):
    """Of paths that visit each name once, by trying all of them."""
    return max(
        len(path)
        for length in range(1, len(graph) + 1)
        for path in itertools.permutations(graph, length)
        if all(follower in graph[name] for name, follower in itertools.pairwise(path))
    )


def reachable(graph, start):
    found, stack = set(), list(graph[start])
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(graph[name])
    return found


@given(graphs)
def test_no_walk_is_longer_than_the_chain_and_without_cycles_it_is_exact(graph):
    chain, path = longest_chain(graph), longest_path(graph)
    has_cycle = any(name in reachable(graph, name) for name in graph if graph[name] != [name])
    assert path <= chain <= len(graph)
    if not has_cycle:
        assert chain == path


def test_a_cycle_counts_whole_and_nothing_is_no_chain():
    assert longest_chain({"a": ["b"], "b": ["c"], "c": ["b"], "d": []}) == 3
    assert longest_chain({}) == 0


def test_a_hundred_thousand_links_are_counted_without_recursion():
    assert longest_chain({str(n): [str(n + 1)] if n < 99_999 else [] for n in range(100_000)}) == 100_000

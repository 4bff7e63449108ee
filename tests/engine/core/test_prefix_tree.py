"""The tree beside a model that keeps, for each slot, a plain list of cells."""

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from labkit.engine.core.prefix_tree import Match, PrefixTree, common_length

IDENTITIES = ("x", "y")
SLOTS = range(6)


def common(left, right, limit):
    return next((n for n in range(limit) if n >= min(len(left), len(right)) or left[n] != right[n]), limit)


class TreeMachine(RuleBasedStateMachine):
    """Cells are (number, token): the number tells a cell from its twin, which holds the same token."""

    def __init__(self):
        super().__init__()
        self.tree = PrefixTree()
        self.cells: dict[int, list[tuple[int, int]]] = {}
        self.identities: dict[int, str] = {}
        self.numbers = itertools.count()

    def pick(self, place):
        return sorted(self.cells)[place % len(self.cells)]

    def texts(self, identity):
        return {
            slot: [token for _, token in cells]
            for slot, cells in self.cells.items()
            if self.identities[slot] == identity
        }

    def held(self, slots):
        return len({number for slot in slots for number, _ in self.cells[slot]})

    @rule(slot=st.sampled_from(SLOTS), identity=st.sampled_from(IDENTITIES))
    def plant(self, slot, identity):
        if slot in self.cells:
            with pytest.raises(ValueError, match="already"):
                self.tree.plant(slot, identity)
            return
        self.tree.plant(slot, identity)
        self.cells[slot], self.identities[slot] = [], identity

    @precondition(lambda self: self.cells)
    @rule(place=st.integers(0, 99), tokens=st.lists(st.integers(1, 2), max_size=6))
    def extend(self, place, tokens):
        slot = self.pick(place)
        self.tree.extend(slot, tokens)
        self.cells[slot] += [(next(self.numbers), token) for token in tokens]

    @precondition(lambda self: self.cells)
    @rule(source=st.integers(0, 99), empty=st.integers(0, 99), share=st.floats(0, 1))
    def share(self, source, empty, share):
        source, target = self.pick(source), self.pick(empty)
        if self.cells[target] or source == target or self.identities[source] != self.identities[target]:
            return
        count = round(share * len(self.cells[source]))
        self.tree.share(source, target, count)
        self.cells[target] = self.cells[source][:count]

    @precondition(lambda self: self.cells)
    @rule(place=st.integers(0, 99), share=st.floats(0, 1))
    def truncate(self, place, share):
        slot = self.pick(place)
        count = round(share * len(self.cells[slot]))
        self.tree.truncate(slot, count)
        del self.cells[slot][count:]

    @precondition(lambda self: self.cells)
    @rule(place=st.integers(0, 99))
    def remove(self, place):
        slot = self.pick(place)
        before = self.held(self.cells)
        del self.cells[slot]
        assert self.tree.remove(slot) == before - self.held(self.cells)
        assert slot not in self.tree

    @rule(
        identity=st.sampled_from(IDENTITIES),
        tokens=st.lists(st.integers(1, 2), min_size=1, max_size=14),
        cut=st.integers(0, 3),
        among=st.one_of(st.none(), st.sets(st.sampled_from(SLOTS))),
    )
    def match(self, identity, tokens, cut, among):
        limit = len(tokens) - cut
        shares = {slot: common(text, tokens, max(limit, 0)) for slot, text in self.texts(identity).items()}
        allowed = {slot: n for slot, n in shares.items() if n and (among is None or slot in among)}
        self.compare(self.tree.longest_match(identity, tokens, limit, among=among), allowed)
        whole = {slot: n for slot, n in shares.items() if n and n == len(self.cells[slot])}
        self.compare(self.tree.longest_whole_match(identity, tokens, limit), whole)

    def compare(self, found, shares):
        if not shares:
            assert found is None
        else:
            assert found.num_tokens == max(shares.values())
            assert shares[found.slot] == found.num_tokens

    @rule(slots=st.sets(st.sampled_from(SLOTS)))
    def count(self, slots):
        assert self.tree.cells_of(slots) == self.held(slots & set(self.cells))

    @invariant()
    def the_same_paths(self):
        self.tree.check_integrity()
        assert self.tree.num_cells == self.held(self.cells)
        for slot, cells in self.cells.items():
            assert slot in self.tree
            assert self.tree.identity(slot) == self.identities[slot]
            assert self.tree.length(slot) == len(cells)
            assert self.tree.path(slot) == [token for _, token in cells]

    @invariant()
    def the_same_covers(self):
        for slot, cells in self.cells.items():
            same = [other for other in self.cells if self.identities[other] == self.identities[slot]]
            covers = {other for other in same if cells == self.cells[other][: len(cells)]}
            assert self.tree.is_covered(slot) == (len(covers) > 1)
            assert {other for other in self.cells if self.tree.shares_tip(slot, other)} == covers

    @invariant()
    def no_crumbs(self):
        """As many nodes as there are places where paths part or end."""
        ends = {cells[-1][0] for cells in self.cells.values() if cells}
        after: dict[int, set[int]] = {}
        for cells in self.cells.values():
            for (number, _), (following, _) in itertools.pairwise(cells):
                after.setdefault(number, set()).add(following)
        forks = {number for number, following in after.items() if len(following) > 1}
        assert len(nodes(self.tree)) <= len(ends | forks)


TreeMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)
TestTree = TreeMachine.TestCase


def nodes(tree):
    found, pending = [], list(tree._roots.values())
    while pending:
        node = pending.pop()
        children = [child for twins in node.children.values() for child in twins]
        found += children
        pending += children
    return found


def planted(**paths):
    tree = PrefixTree()
    for number, tokens in enumerate(paths.values()):
        tree.plant(number, "x")
        tree.extend(number, tokens)
    return tree


def test_a_prompt_that_was_shared_at_many_places_ends_in_one_piece():
    tree = planted(prompt=list(range(100)))
    for place in range(1, 100):
        tree.plant(1, "x")
        tree.share(0, 1, place)
        tree.extend(1, [1000])
        tree.remove(1)
    assert len(nodes(tree)) == 1
    assert tree.path(0) == list(range(100))
    assert tree.num_cells == 100


def test_two_that_computed_the_same_own_their_cells_apart():
    tree = planted(a=[1, 2, 3], b=[1, 2, 3])
    assert tree.num_cells == 6
    assert not tree.is_covered(0)
    assert tree.remove(1) == 3
    assert tree.path(0) == [1, 2, 3]


def test_the_longest_match_may_be_behind_a_twin():
    tree = planted(a=[1, 2, 3], b=[1, 2, 3, 4, 5])
    assert tree.longest_match("x", [1, 2, 3, 4, 5, 6], 6) == Match(1, 5)
    assert tree.longest_match("x", [1, 2, 3, 4, 5, 6], 6, among=[0]) == Match(0, 3)
    assert tree.longest_whole_match("x", [1, 2, 3, 4], 4) == Match(0, 3)


def test_nothing_is_found_under_another_identity_or_in_an_empty_tree():
    tree = planted(a=[1, 2, 3])
    assert tree.longest_match("y", [1, 2, 3], 3) is None
    assert tree.longest_whole_match("y", [1, 2, 3], 3) is None
    assert PrefixTree().longest_match("x", [1], 1) is None


def test_what_cannot_be_shared_is_refused():
    tree = planted(a=[1, 2, 3], b=[4])
    with pytest.raises(ValueError, match="cannot share"):
        tree.share(0, 1, 2)
    tree.plant(2, "x")
    with pytest.raises(ValueError, match="cannot share 4 tokens"):
        tree.share(0, 2, 4)


def test_the_root_of_an_identity_goes_with_its_last_slot():
    tree = planted(a=[1])
    tree.remove(0)
    assert not tree._roots
    assert tree.num_cells == 0


@pytest.mark.parametrize(
    ("left", "right", "limit", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], None, 3),
        ([1, 2, 3], [1, 2, 4], None, 2),
        ([5, 2, 3], [1, 2, 4], None, 0),
        ([1, 2, 3, 4], [1, 2, 3], None, 3),
        ([1, 2, 3, 4], [1, 2, 3, 4], 2, 2),
        ([], [1], None, 0),
        ([1], [1], 0, 0),
        ([1], [1], -3, 0),
    ],
)
def test_common_length(left, right, limit, expected):
    assert common_length(left, 0, right, 0, limit) == expected


def test_common_length_from_the_middle():
    assert common_length([9, 1, 2, 3], 1, [8, 8, 1, 2, 4], 2) == 2


def test_integrity_notices_lost_cells():
    tree = planted(a=[1, 2, 3])
    tree.num_cells -= 1
    with pytest.raises(RuntimeError, match="its books say"):
        tree.check_integrity()

"""Decisions over memory: on any state they keep to the budget, spare what is used, and lead on."""

import math
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from labkit.serving.residency import Decision, Resident, Wanted, decide, expired, fewest, largest_possible, next_expiry

BUDGET = 100
SIZES = st.integers(1, 120)
residents = st.lists(
    st.builds(
        Resident,
        name=st.uuids().map(str),
        memory_bytes=st.integers(1, 60),
        state=st.sampled_from(["loading", "loaded", "leaving"]),
        is_used=st.booleans(),
        stays=st.booleans(),
        last_used=st.floats(0, 1000),
        keep_alive_seconds=st.one_of(st.just(math.inf), st.floats(0, 100)),
    ),
    max_size=6,
)
wishes = st.lists(SIZES, max_size=5).map(lambda sizes: [Wanted(f"w{n}", size) for n, size in enumerate(sizes)])


def taken(found):
    return sum(resident.memory_bytes for resident in found)


@given(wishes, residents)
def test_every_wish_gets_one_answer_and_loads_keep_to_the_budget(wanted, found):
    decision = decide(wanted, found, BUDGET)
    assert sorted(decision.load + decision.wait + decision.refuse) == sorted(want.name for want in wanted)
    sizes = {want.name: want.memory_bytes for want in wanted}
    loaded = sum(sizes[name] for name in decision.load)
    assert not decision.load or taken(found) + loaded <= BUDGET


@given(wishes, residents)
def test_what_is_used_or_stays_or_is_on_its_way_is_never_unloaded(wanted, found):
    decision = decide(wanted, found, BUDGET)
    by_name = {resident.name: resident for resident in found}
    for name in decision.unload:
        resident = by_name[name]
        assert (resident.state, resident.is_used, resident.stays) == ("loaded", False, False)
    assert len(set(decision.unload)) == len(decision.unload)


@given(wishes, residents)
def test_only_what_can_never_fit_is_refused(wanted, found):
    most = BUDGET - sum(resident.memory_bytes for resident in found if resident.stays)
    assert largest_possible(found, BUDGET) == most
    assert decide(wanted, found, BUDGET).refuse == tuple(want.name for want in wanted if want.memory_bytes > most)


@given(residents, st.integers(-20, 200))
def test_the_fewest_go_least_recently_used_first(found, lacking):
    idle = sorted(found, key=lambda resident: resident.last_used)
    victims = fewest(idle, lacking)
    if victims is None:
        assert taken(idle) < lacking
        return
    assert taken(victims) >= lacking or lacking <= 0
    assert all(taken(victims) - victim.memory_bytes < lacking for victim in victims)


def test_the_least_recently_used_goes():
    old, new = Resident("old", 40, last_used=1.0), Resident("new", 40, last_used=2.0)
    assert decide([Wanted("x", 40)], [new, old], BUDGET) == Decision(unload=("old",), wait=("x",))


def test_a_small_old_one_is_spared_where_a_larger_one_must_go_anyway():
    small, large = Resident("small", 10, last_used=1.0), Resident("large", 80, last_used=2.0)
    assert decide([Wanted("x", 85)], [small, large], BUDGET).unload == ("large",)


def test_nothing_more_goes_while_enough_is_leaving():
    leaving, idle = Resident("leaving", 50, "leaving"), Resident("idle", 50)
    assert decide([Wanted("x", 50)], [leaving, idle], BUDGET) == Decision(wait=("x",))


def test_a_model_in_use_is_waited_for_and_a_smaller_wish_passes_only_where_it_is_not_in_the_way():
    used = Resident("used", 60, is_used=True)
    large = Wanted("large", 70)
    assert decide([large, Wanted("small", 30)], [used], BUDGET) == Decision(load=("small",), wait=("large",))
    assert decide([large, Wanted("small", 31)], [used], BUDGET) == Decision(wait=("large", "small"))


def test_without_a_known_budget_everything_is_loaded():
    assert decide([Wanted("x", 1 << 60)], [], None) == Decision(load=("x",))


def test_expiry_counts_from_the_last_request_and_spares_what_is_used_or_stays():
    idle = Resident("idle", 1, last_used=10.0, keep_alive_seconds=5.0)
    others = [replace(idle, name="used", is_used=True), replace(idle, name="stays", stays=True)]
    others += [replace(idle, name="loading", state="loading"), replace(idle, name="kept", keep_alive_seconds=math.inf)]
    assert expired([idle, *others], 14.9) == ()
    assert expired([idle, *others], 15.0) == ("idle",)
    assert next_expiry([idle, *others]) == 15.0
    assert next_expiry(others) == math.inf


class Endpoint(RuleBasedStateMachine):
    """Models come into memory and go, as `Loads` does it; requests start and end in any order."""

    def __init__(self):
        super().__init__()
        self.residents: dict[str, Resident] = {}
        self.wanted: list[Wanted] = []
        self.time = 0.0

    def plan(self):
        decision = decide(self.wanted, list(self.residents.values()), BUDGET)
        sizes = {want.name: want.memory_bytes for want in self.wanted}
        for name in decision.load:
            self.residents[name] = Resident(name, sizes[name], "loading", is_used=True, last_used=self.time)
        for name in decision.unload:
            self.residents[name] = replace(self.residents[name], state="leaving")
        self.wanted = [want for want in self.wanted if want.name in decision.wait]
        return decision

    @rule(size=SIZES)
    def want(self, size):
        self.time += 1
        if len(self.wanted) < 6:
            self.wanted.append(Wanted(f"m{self.time}", size))
        self.plan()

    @precondition(lambda self: self.residents)
    @rule(choice=st.integers(0, 100))
    def something_ends(self, choice):
        self.time += 1
        names = sorted(self.residents)
        resident = self.residents[names[choice % len(names)]]
        if resident.state == "leaving":
            del self.residents[resident.name]
        else:
            busy = resident.state == "loading"
            self.residents[resident.name] = replace(resident, state="loaded", is_used=busy, last_used=self.time)
        self.plan()

    @invariant()
    def memory_is_never_overdrawn(self):
        assert taken(self.residents.values()) <= BUDGET

    def teardown(self):
        """When every request ends, every wish comes true."""
        for _ in range(40):
            self.plan()
            for name, resident in list(self.residents.items()):
                if resident.state == "leaving":
                    del self.residents[name]
                else:
                    self.residents[name] = replace(resident, state="loaded", is_used=False)
        assert not self.wanted


TestEndpoint = Endpoint.TestCase
TestEndpoint.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

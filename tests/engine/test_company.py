from labkit.engine.company import MAX_NAMES, Companions
from labkit.engine.core.sequence import Sequence
from labkit.engine.types import Company, GenerationRequest


def sequences(count):
    return [Sequence(GenerationRequest(f"r{n}", (1,)), arrived=0.0) for n in range(count)]


def test_who_was_beside_whom_and_how_many_on_average():
    companions, (a, b, c) = Companions(), sequences(3)
    companions.note([a])
    companions.note([a, b])
    companions.note([a, b])
    companions.note([a, b, c])
    assert companions.take(b) == Company(("r0", "r2"), most=2, mean_batch=7 / 3, num_forwards=3)
    companions.note([a, c])
    assert companions.take(a) == Company(("r1", "r2"), most=2, mean_batch=10 / 5, num_forwards=5)
    assert companions.take(c) == Company(("r0", "r1"), most=2, mean_batch=5 / 2, num_forwards=2)


def test_names_are_bounded_and_numbers_are_not():
    companions, group = Companions(), sequences(30)
    companions.note(group)
    company = companions.take(group[3])
    assert (len(company.request_ids), company.most) == (MAX_NAMES, 29)
    assert "r3" not in company.request_ids


def test_one_that_never_ran_had_none():
    companions, (a,) = Companions(), sequences(1)
    a.num_preemptions = 2
    assert companions.take(a) == Company(num_preemptions=2)


def test_nothing_is_kept_of_who_has_ended():
    companions, (a, b) = Companions(), sequences(2)
    companions.note([a, b])
    companions.take(a)
    companions.forget(b)
    assert not companions._counts

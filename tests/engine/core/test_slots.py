import pytest

from labkit.engine.core.slots import Slots


def test_slots_are_handed_out_lowest_first_and_come_back():
    slots = Slots(3)
    assert [slots.acquire(), slots.acquire()] == [0, 1]
    slots.release(0)
    assert (slots.num_free, slots.acquire()) == (2, 0)


@pytest.mark.parametrize("slot", [0, -1, 3])
def test_a_slot_nobody_holds_cannot_come_back(slot):
    with pytest.raises(ValueError, match="not held"):
        Slots(3).release(slot)


def test_no_slot_left():
    slots = Slots(1)
    slots.acquire()
    with pytest.raises(IndexError):
        slots.acquire()

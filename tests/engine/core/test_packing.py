import random

from labkit.engine.core.packing import PackedInput, Packer


def forwards(packer):
    while chosen := packer.next_forward():
        yield chosen


def test_nothing_waits_at_first():
    packer = Packer(batch_tokens=10, max_inputs=4)
    assert not packer
    assert packer.next_forward() == ()


def test_long_inputs_first_and_short_ones_fill_the_rest():
    packer = Packer(batch_tokens=10, max_inputs=8)
    packer.add("a", [2, 7, 3, 5, 1])
    assert [[packed.num_tokens for packed in chosen] for chosen in forwards(packer)] == [[7, 3], [5, 2, 1]]
    assert not packer


def test_inputs_of_one_length_keep_their_order():
    packer = Packer(batch_tokens=4, max_inputs=8)
    packer.add("a", [2, 2, 2])
    assert [packed.index for chosen in forwards(packer) for packed in chosen] == [0, 1, 2]


def test_an_input_longer_than_a_forward_goes_alone():
    packer = Packer(batch_tokens=4, max_inputs=8)
    packer.add("a", [1, 9, 1])
    assert [[packed.num_tokens for packed in chosen] for chosen in forwards(packer)] == [[9], [1, 1]]


def test_the_number_of_inputs_is_bounded_too():
    packer = Packer(batch_tokens=100, max_inputs=2)
    packer.add("a", [1] * 5)
    assert [len(chosen) for chosen in forwards(packer)] == [2, 2, 1]


def test_a_query_beside_a_large_job_is_in_one_of_the_next_two_forwards():
    packer = Packer(batch_tokens=8, max_inputs=8)
    packer.add("job", [8] * 1000)
    packer.next_forward()
    packer.add("query", [2])
    soon = [*packer.next_forward(), *packer.next_forward()]
    assert PackedInput("query", 0, 2) in soon


def test_a_long_input_does_not_starve_beside_short_ones_that_keep_coming():
    packer = Packer(batch_tokens=8, max_inputs=8)
    packer.add("long", [8])
    for turn in range(4):
        packer.add(f"short{turn}", [1] * 20)
    order = [packed.request_id for _ in range(5) for packed in packer.next_forward()]
    assert "long" in order


def test_a_removed_request_is_gone():
    packer = Packer(batch_tokens=4, max_inputs=8)
    packer.add("a", [3, 3])
    packer.add("b", [2])
    packer.next_forward()
    packer.remove("a")
    packer.remove("nobody")
    assert {packed.request_id for chosen in forwards(packer) for packed in chosen} == {"b"}
    assert packer.waiting_tokens == 0


def test_random_loads_are_packed_whole_once_and_within_bounds():
    generator = random.Random(7)
    for _ in range(200):
        batch_tokens, max_inputs = generator.randint(1, 40), generator.randint(1, 9)
        packer = Packer(batch_tokens=batch_tokens, max_inputs=max_inputs)
        expected = set()
        for number in range(generator.randint(1, 6)):
            lengths = [generator.randint(1, 50) for _ in range(generator.randint(1, 12))]
            packer.add(str(number), lengths)
            expected |= {PackedInput(str(number), index, length) for index, length in enumerate(lengths)}
        assert packer.waiting_tokens == sum(packed.num_tokens for packed in expected)
        seen = []
        for chosen in forwards(packer):
            assert len(chosen) <= max_inputs
            assert len(chosen) == 1 or sum(packed.num_tokens for packed in chosen) <= batch_tokens
            seen += chosen
        assert len(seen) == len(expected)
        assert set(seen) == expected
        assert packer.waiting_tokens == 0

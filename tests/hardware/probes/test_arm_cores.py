from labkit.hardware.probes.arm_cores import arm_core_name, arm_vendor, count_classes, describe_arm_cores

A55, A76, A725, X925, UNKNOWN = (0x41, 0xD05), (0x41, 0xD0B), (0x41, 0xD87), (0x41, 0xD85), (0x41, 0xFFF)


def test_cores_of_one_kind_are_named_with_the_numbers_they_were_read_from():
    assert describe_arm_cores([A76] * 4) == "Cortex-A76 (implementer 0x41 part 0xd0b)"


def test_cores_of_two_kinds_are_counted_the_fast_ones_first():
    assert describe_arm_cores([A55] * 4 + [A76] * 2) == "2x Cortex-A76 + 4x Cortex-A55"


def test_a_part_that_no_table_knows_keeps_its_number_and_gets_no_neighbours_name():
    assert arm_core_name(UNKNOWN) is None
    assert describe_arm_cores([UNKNOWN]) == "Arm core (implementer 0x41 part 0xfff)"
    assert describe_arm_cores([UNKNOWN, A55]) == "1x part 0xfff + 1x Cortex-A55"
    assert arm_vendor(0x99) is None
    assert describe_arm_cores([]) is None


def test_only_low_power_designs_beside_others_are_a_class_of_their_own():
    assert count_classes([A55] * 4 + [A76] * 2) == (2, 4)
    assert count_classes([A55] * 4) == (None, None)
    assert count_classes([X925] * 10 + [A725] * 10) == (None, None)

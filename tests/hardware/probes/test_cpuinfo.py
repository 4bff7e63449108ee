import pytest

from labkit.hardware.probes.cpuinfo import parse_cpuinfo

X86 = (
    "processor\t: {i}\nvendor_id\t: GenuineIntel\nmodel name\t: X\nphysical id\t: {package}\nsiblings\t: 4\n"
    "core id\t\t: {core}\ncpu cores\t: 2\nflags\t\t: avx2 pni\n\n"
)
TWO_PACKAGES = "".join(X86.format(i=i, package=i // 4, core=i // 2 % 2) for i in range(8))
ARM = "processor\t: {i}\nFeatures\t: asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"


def test_x86_cores_are_counted_by_package_and_core():
    cpu = parse_cpuinfo(TWO_PACKAGES)
    assert (cpu.logical_cores, cpu.physical_cores, cpu.threads_per_core) == (8, 4, 2)
    assert cpu.features == ("avx2", "sse3")


def test_the_first_processor_alone_tells_of_its_package_where_the_text_is_an_excerpt():
    first = X86.format(i=0, package=0, core=0)
    kept, living = parse_cpuinfo(first, excerpt=True), parse_cpuinfo(first)
    assert (kept.logical_cores, kept.physical_cores) == (4, 2)
    assert (living.logical_cores, living.physical_cores) == (1, 1)  # a container that is shown one of many


def test_chips_with_two_kinds_of_cores_have_two_threads_on_some():
    text = "processor: 0\nmodel name: X\nphysical id: 0\ncore id: 0\nsiblings: 20\ncpu cores: 14\n"
    assert parse_cpuinfo(text, excerpt=True).threads_per_core == 2


def test_an_arm_board_has_the_name_of_its_cores_and_not_that_of_its_hardware_line():
    cpu = parse_cpuinfo("".join(ARM.format(i=i, part="0xd0b") for i in range(4)) + "Hardware\t: BCM2835\n")
    assert cpu.model_name == "Cortex-A76 (implementer 0x41 part 0xd0b)"
    assert (cpu.vendor, cpu.logical_cores, cpu.features) == ("Arm", 4, ("neon", "dotprod"))


def test_big_and_little_cores_are_told_apart_by_their_part():
    cpu = parse_cpuinfo("".join(ARM.format(i=i, part="0xd05" if i < 4 else "0xd0b") for i in range(6)))
    assert (cpu.performance_cores, cpu.efficiency_cores) == (2, 4)


def test_the_name_that_32_bit_kernels_give_every_core_is_none():
    text = (
        "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\nFeatures\t: half thumb neon vfpv4\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd08\n"
    )
    assert parse_cpuinfo(text).model_name == "Cortex-A72 (implementer 0x41 part 0xd08)"


def test_features_after_the_processors_are_theirs():
    text = "Processor\t: ARMv7 Processor rev 1\nprocessor\t: 0\n\nprocessor\t: 1\n\nFeatures\t: neon\nHardware\t: X\n"
    cpu = parse_cpuinfo(text)
    assert (cpu.logical_cores, cpu.features) == (2, ("neon",))


@pytest.mark.parametrize(
    ("text", "name", "logical", "features"),
    [
        ("processor\t: 0\nisa\t\t: rv64imafdcv_zicsr\nuarch\t\t: spacemit,x60\n", "spacemit,x60", 1, ("riscv_v",)),
        ("processor\t: 0\nisa\t\t: rv64imafdc_zicsr_svpbmt\nuarch\t\t: sifive,u74-mc\n", "sifive,u74-mc", 1, ()),
        ("processor\t: 0\ncpu\t\t: POWER9, altivec supported\n\nmachine\t: P\n", "POWER9, altivec supported", 1, ()),
        ("processor\t: 0\nModel Name\t: Loongson-3A6000\n", "Loongson-3A6000", 1, ()),
        (
            "vendor_id       : IBM/S390\n# processors    : 4\nfeatures\t: esan3 vx vxd\n"
            "processor 0: version = 00,  identification = 140C98,  machine = 3931\n",
            "IBM machine type 3931",
            4,
            ("vxe",),
        ),
    ],
    ids=["riscv-vector", "riscv", "power", "loongarch", "s390"],
)
def test_other_architectures(text, name, logical, features):
    cpu = parse_cpuinfo(text)
    assert (cpu.model_name, cpu.logical_cores, cpu.features) == (name, logical, features)


@pytest.mark.parametrize("whole", [TWO_PACKAGES, "".join(ARM.format(i=i, part="0xd0b") for i in range(2))])
def test_a_cut_text_says_nothing_that_the_whole_does_not(whole):
    full = parse_cpuinfo(whole, excerpt=True)
    for end in range(len(whole)):
        cut = parse_cpuinfo(whole[:end], excerpt=True)
        assert cut.model_name in (None, full.model_name)
        assert cut.vendor in (None, full.vendor)
        assert set(cut.features) <= set(full.features)
        assert cut.logical_cores is None or whole[:end].endswith("\n")
        assert cut.threads_per_core in (None, full.threads_per_core)


def test_an_excerpt_that_ends_before_the_count_of_cores_has_none():
    start = "processor\t: 0\nphysical id\t: 0\nsiblings\t: 8\ncore id\t\t: 0\n"
    cut = parse_cpuinfo(start, excerpt=True)
    whole = parse_cpuinfo(start + "cpu cores\t: 4\n", excerpt=True)
    assert [(cpu.physical_cores, cpu.logical_cores) for cpu in (cut, whole)] == [(None, 8), (4, 8)]

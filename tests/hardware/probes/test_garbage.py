"""Whatever a machine answers, probing it ends with a profile."""

import pytest

from fakes.source import FakeSource, load_machine, machine_names
from labkit.hardware.detect import probe_machine
from labkit.hardware.document import parse_profile, to_plain
from labkit.hardware.problems import find_problems
from labkit.hardware.source import CommandOutput

GARBAGE = [
    "",
    "\0\0\0",
    "{",
    "[]",
    "null",
    "-1",
    "9" * 400,
    "nan",
    "a: b: c\n: :\n",
    "\ud7ff € ÿ\n" * 50,
    "," * 500,
    "0-99999999999",
]


class Garbled(FakeSource):
    """Answers everything that a machine would answer, with the same garbage."""

    def __init__(self, machine, garbage, exit_code):
        super().__init__(machine.system, dict.fromkeys(machine.files, garbage))
        self.commands = {name: CommandOutput(exit_code, garbage, garbage) for name in machine.commands}


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("exit_code", [0, 1, None, -11])
@pytest.mark.parametrize("name", machine_names())
def test_garbage_gives_a_valid_profile(name, garbage, exit_code):
    found = probe_machine(Garbled(load_machine(name), garbage, exit_code))
    find_problems(found)
    assert found.native_core is None or found.native_core.load_error  # None: a machine without a described core
    assert found.tier == "cpu"
    assert parse_profile(to_plain(found), name) == found


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows", "FreeBSD", ""])
def test_a_machine_that_answers_nothing(system):
    found = probe_machine(FakeSource(system))
    assert found.memory.physical_bytes is None
    assert found.gpus == ()
    assert found.cpu.usable_cores == 1

import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.nvidia_visible import count_visible, hidden_cards
from labkit.hardware.source import CommandOutput


@pytest.mark.parametrize(
    ("value", "visible"),
    [("0,1,2,3", 4), ("1", 1), ("", 0), ("-1", 0), ("0,-1,1", 1), ("0,7,1", 1), ("GPU-1,GPU-2", 2), ("0,0", 1),
     ("none", 0), ("NoDevFiles", 0), ("MIG-GPU-1/1/0", 1), ("0, 1", 2)],
)  # fmt: skip
def test_how_many_of_four_cards_are_left(value, visible):
    assert count_visible(value, 4) == visible


def test_a_note_says_how_to_get_them_back():
    source = FakeSource(commands={"printenv CUDA_VISIBLE_DEVICES": CommandOutput(0, "1\n")})
    problem = hidden_cards(source, 4)
    assert problem
    assert "hides 3 of 4" in problem.what
    assert problem.fix == "to use all: unset CUDA_VISIBLE_DEVICES"
    assert hidden_cards(source, 1)


@pytest.mark.parametrize("output", [CommandOutput(1), None, CommandOutput(0, "0,1\n")])
def test_nothing_hidden_nothing_said(output):
    source = FakeSource(commands={"printenv CUDA_VISIBLE_DEVICES": output} if output else {})
    assert hidden_cards(source, 2) is None
    assert hidden_cards(FakeSource("Windows"), 2) is None

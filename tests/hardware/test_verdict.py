import pytest

from fakes.source import load_machine
from labkit.hardware import HardwareProfile, render_verdict
from labkit.hardware.detect import probe_machine
from labkit.hardware.profile import Gpu, Memory

GIB = 1024**3


@pytest.mark.parametrize(
    ("machine", "start"),
    [
        ("cloud-guest", "CPU tier: models up to 23.2 GiB fit in the memory budget"),
        (
            "rtx-4090-desktop",
            "CUDA tier: models up to 23.3 GiB fit on NVIDIA GeForce RTX 4090; more layers can use 26.1 GiB",
        ),
        ("apple-m4", "Apple silicon tier: models up to 9.5 GiB fit in the memory that Apple M4 shares"),
        ("core-crashes", "labkit cannot run a model here"),
    ],
)
def test_one_line_says_what_fits(machine, start):
    assert render_verdict(probe_machine(load_machine(machine))).startswith(start)


def test_cards_are_not_summed():
    gpus = tuple(
        Gpu(name=name, free_bytes=size * GIB, usable=True, backend="CUDA") for name, size in (("A", 8), ("B", 24))
    )
    text = render_verdict(HardwareProfile(tier="cuda", gpus=gpus, memory=Memory(budget_bytes=10 * GIB)))
    assert "24.0 GiB fit on B (and 1 more)" in text


def test_an_unknown_size_is_said_to_be_unknown():
    assert render_verdict(HardwareProfile()).startswith("CPU tier: it is not known what models fit")
    card = Gpu(name="A", vendor="nvidia", memory_bytes=8 * GIB, unified=False)
    assert render_verdict(HardwareProfile(tier="cuda", gpus=(card,))) == "CUDA tier: models up to 8.0 GiB fit on A"

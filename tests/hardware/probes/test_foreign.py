from fakes.captured_text import captured, cut_pieces
from fakes.source import FakeSource
from labkit.hardware.probes import foreign


def source(text):
    return FakeSource(files={"/labkit-capture/llm-checker.txt": text})


def test_names_are_taken_and_figures_are_not():
    machine = source(captured("llm-checker.txt"))
    (part,) = foreign.read_amd_parts(machine)
    assert (part.gfx, part.name, part.vram_bytes) == ("gfx1150", "AMD Radeon 890M", None)
    cpu = foreign.read_cpu(machine)
    assert (cpu.model_name, cpu.physical_cores) == ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", None)


def test_no_report_tells_nothing():
    assert foreign.read_amd_parts(FakeSource()) == []
    assert foreign.read_cpu(FakeSource()).model_name is None


def test_a_cut_report_names_no_other_part():
    for piece in cut_pieces(captured("llm-checker.txt"), 40):
        assert all(part.gfx.startswith("gfx1") for part in foreign.read_amd_parts(source(piece)) if part.gfx)

import json

import pytest

from labkit.hardware.probes.apple_profiler import (
    parse_core_counts,
    parse_displays,
    parse_hardware,
    parse_installed_memory,
    parse_size,
)

GIB = 1024**3
HARDWARE = """\
Hardware:

    Hardware Overview:

      Model Name: Mac Studio
      Model Identifier: Mac15,14
      Chip: Apple M3 Ultra
      Total Number of Cores: 32 (24 performance and 8 efficiency)
      Memory: 512 GB
      System Firmware Version: 11881.61.3
"""
GERMAN = """\
Hardware:

    Hardware-Übersicht:

      Modellname: MacBook Air
      Chip: Apple M2
      Gesamtanzahl der Kerne: 8 (4 Leistung und 4 Effizienz)
      Speicher: 16 GB
"""
INTEL = """\
      Model Name: MacBook Pro
      Processor Name: 8-Core Intel Core i9
      Total Number of Cores: 8
      L3 Cache: 16 MB
      Memory: 64 GB
"""
OVERVIEW = {
    "SPHardwareDataType": [
        {
            "_name": "hardware_overview",
            "chip_type": "Apple M4 Max",
            "machine_model": "Mac16,5",
            "machine_name": "MacBook Pro",
            "number_processors": "proc 16:12:4:0",
            "physical_memory": "48 GB",
        }
    ]
}
DISPLAYS = """\
Graphics/Displays:

    Intel UHD Graphics 630:

      Chipset Model: Intel UHD Graphics 630
      Type: GPU
      Bus: Built-In
      VRAM (Dynamic, Max): 1536 MB
      Vendor: Intel

    AMD Radeon Pro 5500M:

      Chipset Model: AMD Radeon Pro 5500M
      Bus: PCIe
      VRAM (Total): 8 GB
      Vendor: AMD (0x1002)
      Displays:
        Color LCD:
          Display Type: Built-In Retina LCD
          Chipset Model: no card
          Main Display: Yes
"""
CARDS = {
    "SPDisplaysDataType": [
        {
            "_name": "Apple M4 Max",
            "spdisplays_mtlgpufamilysupport": "spdisplays_metal3",
            "spdisplays_ndrvs": [{"_name": "Color LCD", "spdisplays_main": "spdisplays_yes"}],
            "spdisplays_vendor": "sppci_vendor_Apple",
            "sppci_cores": "40",
            "sppci_model": "Apple M4 Max",
        }
    ]
}


def test_the_overview_as_text():
    seen = parse_hardware(HARDWARE)
    assert (seen.chip, seen.processor, seen.memory_bytes) == ("Apple M3 Ultra", None, 512 * GIB)
    assert (seen.cores, seen.performance_cores, seen.efficiency_cores) == (32, 24, 8)
    assert seen.model == "Mac Studio, Mac15,14"


def test_the_overview_as_json():
    seen = parse_hardware(json.dumps(OVERVIEW))
    assert (seen.chip, seen.memory_bytes, seen.model) == ("Apple M4 Max", 48 * GIB, "MacBook Pro, Mac16,5")
    assert (seen.cores, seen.performance_cores, seen.efficiency_cores) == (16, 12, 4)


def test_the_overview_in_another_language_is_read_by_its_values():
    seen = parse_hardware(GERMAN)
    assert (seen.chip, seen.memory_bytes) == ("Apple M2", 16 * GIB)
    assert (seen.cores, seen.performance_cores, seen.efficiency_cores) == (8, 4, 4)


def test_an_intel_mac_has_a_processor_and_no_chip():
    seen = parse_hardware(INTEL)
    assert (seen.chip, seen.processor, seen.cores) == (None, "8-Core Intel Core i9", 8)
    assert seen.performance_cores is None


@pytest.mark.parametrize(
    ("text", "chip", "counts"),
    [
        ("proc 10:8:2", "Apple M1 Pro", (10, 8, 2)),
        ("proc 10:8:2", None, (10, 8, 2)),
        ("proc 8:4:4:0", "Apple M3", (8, 4, 4)),
        ("proc 24:16:8:0", "Apple M2 Ultra", (24, 16, 8)),
        ("proc 10:4:6:0", "Apple M5", (10, 4, 6)),
        ("proc 18:6:0:12", "Apple M5 Max", (18, 18, 0)),
        ("proc 15:5:10:0", "Apple M5 Pro", (15, 15, 0)),
        ("proc 12:0:8:4", "Apple M2 Pro", (12, 8, 4)),
        ("proc 12:0:8:4", None, (12, 8, 4)),
        ("proc 12:2:4:6", "Apple M6", (12, 6, 6)),
        ("proc 18:6:0:12", None, (18, None, None)),
        ("proc 9:6:0:12", "Apple M5 Max", (9, None, None)),
        ("4", "Apple M1 (Virtual)", (4, None, None)),
        ("18 (6 Super and 12 Performance)", "Apple M5 Max", (18, 18, 0)),
        ("10 (4 Super and 6 Efficiency)", "Apple M5", (10, 4, 6)),
        ("10 (8 performance and 2 efficiency)", None, (10, 8, 2)),
        ("8 (4 Leistung und 4 Effizienz)", None, (8, None, None)),
        ("proc x:y:z", "Apple M1", (None, None, None)),
        ("", None, (None, None, None)),
        (None, None, (None, None, None)),
    ],
)
def test_core_counts(text, chip, counts):
    assert parse_core_counts(text, chip) == counts


def test_graphics_of_an_intel_mac_as_text():
    intel, amd = parse_displays(DISPLAYS)
    assert (intel.vendor, intel.unified, intel.memory_bytes) == ("intel", True, 1536 * 1024**2)
    assert (amd.name, amd.vendor, amd.unified, amd.memory_bytes) == ("AMD Radeon Pro 5500M", "amd", False, 8 * GIB)


def test_text_whose_indentation_was_lost():
    flat = "\n".join(line.strip() for line in DISPLAYS.splitlines() if "no card" not in line) + "\n"
    assert [gpu.name for gpu in parse_displays(flat)] == ["Intel UHD Graphics 630", "AMD Radeon Pro 5500M"]


def test_a_name_alone_is_a_card():
    (gpu,) = parse_displays("Graphics/Displays:\n\n    Radeon Pro Vega 64:\n")
    assert (gpu.name, gpu.vendor, gpu.unified) == ("Radeon Pro Vega 64", "amd", False)
    assert parse_displays("Graphics/Displays:\n") == ()


def test_apple_graphics_have_cores_and_no_memory_of_their_own():
    (gpu,) = parse_displays(json.dumps(CARDS))
    assert (gpu.name, gpu.vendor, gpu.unified) == ("Apple M4 Max", "apple", True)
    assert (gpu.num_cores, gpu.memory_bytes) == (40, None)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("kHW_AppleM1Item", "Apple M1"),
        ("kHW_AppleM1ProItem", "Apple M1 Pro"),
        ("kHW_IntelUHDGraphics630Item", "Intel UHD Graphics 630"),
        ("Apple M3 Pro", "Apple M3 Pro"),
    ],
)
def test_names_without_a_translation(key, name):
    (gpu,) = parse_displays(json.dumps({"SPDisplaysDataType": [{"_name": key}]}))
    assert gpu.name == name


def test_vendors_are_whole_words():
    (gpu,) = parse_displays('{"SPDisplaysDataType": [{"sppci_model": "Pineapple Xintel 3000"}]}')
    assert (gpu.vendor, gpu.unified) == (None, None)


def test_installed_memory_in_every_shape():
    apple = {"SPMemoryDataType": [{"dimm_type": "lp_ddr4", "SPMemoryDataType": "8 GB"}]}
    modules = {"SPMemoryDataType": [{"_items": [{"dimm_size": "8 GB"}, {"dimm_size": "8 GB"}, {"dimm_size": "empty"}]}]}
    assert parse_installed_memory(json.dumps(apple)) == 8 * GIB
    assert parse_installed_memory(json.dumps(modules)) == 16 * GIB
    assert parse_installed_memory("Memory:\n\n      Memory: 24 GB\n      Type: LPDDR5\n") == 24 * GIB
    assert parse_installed_memory("Memory:\n    BANK 0:\n      Size: 8 GB\n    BANK 1:\n      Size: 8 GB\n") == 16 * GIB


def test_modules_of_a_cut_report_have_no_sum():
    whole = json.dumps({"SPMemoryDataType": [{"_items": [{"dimm_size": "8 GB"}, {"dimm_size": "8 GB"}]}]})
    assert {parse_installed_memory(whole[:end]) for end in range(len(whole))} == {None}


@pytest.mark.parametrize(
    ("text", "size"),
    [("16 GB", 16 * GIB), ("1536 MB", 1536 * 1024**2), ("1 TB", 1024 * GIB), ("1,5 GB", int(1.5 * GIB)), ("x", None),
     ("1.2.3 GB", None), (None, None)],
)  # fmt: skip
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("whole", [HARDWARE, GERMAN, INTEL, json.dumps(OVERVIEW, indent=2)])
def test_a_cut_overview_says_nothing_that_the_whole_does_not(whole):
    full = parse_hardware(whole)
    for end in range(len(whole)):
        cut = parse_hardware(whole[:end])
        for name in ("chip", "processor", "memory_bytes", "cores", "performance_cores", "efficiency_cores"):
            assert getattr(cut, name) in (None, getattr(full, name)), (name, end)


@pytest.mark.parametrize("whole", [DISPLAYS, json.dumps(CARDS, indent=2)])
def test_cut_graphics_say_nothing_that_the_whole_does_not(whole):
    full = parse_displays(whole)
    for end in range(len(whole)):
        for gpu, known in zip(parse_displays(whole[:end]), full, strict=False):
            assert (gpu.name, gpu.vendor) == (known.name, known.vendor)
            assert gpu.memory_bytes in (None, known.memory_bytes)
            assert gpu.num_cores in (None, known.num_cores)
            assert gpu.unified in (None, known.unified)


def test_apple_graphics_are_unified_however_much_is_cut():
    whole = '{"SPDisplaysDataType": [{"_name": "Apple M3 Pro", "spdisplays_ndrvs": [{"_name": "DELL"}, '
    (gpu,) = parse_displays(whole)
    assert (gpu.name, gpu.unified) == ("Apple M3 Pro", True)


@pytest.mark.parametrize("text", ["", None, "{", "[]", "null", "\0\0", "a: b: c\n", '{"SPDisplaysDataType": 5}'])
def test_garbage(text):
    assert parse_displays(text) == ()
    assert parse_hardware(text).chip is None
    assert parse_installed_memory(text) is None

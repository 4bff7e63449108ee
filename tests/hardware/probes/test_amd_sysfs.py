import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.amd_sysfs import gfx_name, parse_dmesg, read_sysfs

GIB, MIB = 1024**3, 1024**2
NODES = "/sys/class/kfd/kfd/topology/nodes"


def card(index, slot, total, **more):
    folder = f"/sys/class/drm/card{index}/device"
    files = {"vendor": "0x1002", "mem_info_vram_total": str(total), "uevent": f"DRIVER=amdgpu\nPCI_SLOT_NAME={slot}\n"}
    return {f"{folder}/{name}": text for name, text in {**files, **more}.items()}


def node(index, gfx, location, *, pool=None, cores=0):
    properties = f"cpu_cores_count {cores}\nsimd_count 80\ngfx_target_version {gfx}\nlocation_id {location}\ndomain 0\n"
    files = {f"{NODES}/{index}/properties": properties}
    if pool:
        files[f"{NODES}/{index}/mem_banks/0/properties"] = f"heap_type 1\nsize_in_bytes {pool}\nflags 0\n"
    return files


@pytest.mark.parametrize(
    ("version", "name"),
    [(90006, "gfx906"), (90010, "gfx90a"), (90012, "gfx90c"), (101306, "gfx10d6"), (110003, "gfx1103"),
     (110501, "gfx1151"), (120001, "gfx1201")],
)  # fmt: skip
def test_gfx_names(version, name):
    assert gfx_name(version) == name


def test_cards_are_told_apart_by_their_slots():
    files = card(0, "0000:03:00.0", 24 * GIB, mem_info_gtt_total=str(60 * GIB)) | card(1, "0000:0a:00.0", 512 * MIB)
    files |= node(1, 110000, 0x0300) | node(2, 100306, 0x0A00)
    first, second = read_sysfs(FakeSource(files=files))
    assert (first.gfx, first.vram_bytes, first.gtt_bytes) == ("gfx1100", 24 * GIB, 60 * GIB)
    assert (second.gfx, second.pci_address) == ("gfx1036", "0000:0a:00.0")


def test_a_partitioned_card_is_as_many_devices_with_its_share_each():
    files = card(1, "0000:0c:00.0", 192 * GIB)
    for index in range(4):
        files |= node(index + 2, 90402, 0x0C00, pool=48 * GIB)
    assert [(part.gfx, part.vram_bytes) for part in read_sysfs(FakeSource(files=files))] == [("gfx942", 48 * GIB)] * 4


def test_the_topology_alone():
    files = {f"{NODES}/0/properties": "cpu_cores_count 16\nsimd_count 0\ngfx_target_version 0\nlocation_id 0\n"}
    files |= node(1, 90010, 0xC100, pool=64 * GIB) | node(2, 90010, 0xC600, pool=64 * GIB)
    parts = read_sysfs(FakeSource(files=files))
    assert [(part.gfx, part.pool_bytes) for part in parts] == [("gfx90a", 64 * GIB)] * 2
    assert [part.pci_address for part in parts] == ["0000:c1:00.0", "0000:c6:00.0"]


def test_a_node_with_processor_and_gpu_is_integrated():
    (part,) = read_sysfs(FakeSource(files=node(0, 90012, 0x0300, cores=12)))
    assert part.integrated is True


def test_a_lone_file_of_the_carve_out():
    (part,) = read_sysfs(FakeSource(files={"/sys/class/drm/card0/device/mem_info_vram_total": f"{96 * GIB}\n"}))
    assert (part.vram_bytes, part.pci_address, part.gfx) == (96 * GIB, None, None)


def test_files_below_the_bus():
    (part,) = read_sysfs(FakeSource(files={"/sys/bus/pci/devices/0000:03:00.0/mem_info_vram_total": str(8 * GIB)}))
    assert part.pci_address == "0000:03:00.0"


@pytest.mark.parametrize("text", ["", "-1", "1030792151", "much", "0"])
def test_no_size_is_no_part(text):
    assert read_sysfs(FakeSource(files={"/sys/class/drm/card0/device/mem_info_vram_total": text})) == []


def test_a_saved_kernel_log():
    log = (
        "[    3.1] [drm] amdgpu: 98304M of VRAM memory ready\n[    3.1] [drm] amdgpu: 15880M of GTT memory ready.\n"
        "[    4.1] amdgpu 0000:03:00.0: amdgpu: 24560M of VRAM memory ready\n"
        "[    4.1] amdgpu 0000:03:00.0: amdgpu: 64017M of GTT memory ready.\n"
    )
    assert [(part.pci_address, part.vram_bytes, part.gtt_bytes) for part in parse_dmesg(log)] == [
        (None, 98304 * MIB, 15880 * MIB),
        ("0000:03:00.0", 24560 * MIB, 64017 * MIB),
    ]
    assert parse_dmesg("[drm] amdgpu: 983") == parse_dmesg(None) == []
    (part,) = read_sysfs(FakeSource(files={"/labkit-capture/dmesg.txt": log.splitlines()[0]}))
    assert part.vram_bytes == 96 * GIB

from fakes.captured_text import captured
from fakes.source import FakeSource
from labkit.hardware.probes import windows
from labkit.hardware.source import CommandOutput, SystemCounters

KIB, MIB, GIB = 1024, 1024**2, 1024**3
PROCESSORS = '[{"Name": "AMD EPYC 9124 ", "Manufacturer": "AuthenticAMD", "NumberOfCores": 16, "NumberOfLogicalProcessors": 32, "L3CacheSize": 65536}]'  # noqa: E501
DXDIAG = "/labkit-capture/dxdiag.txt"


def test_processors_of_two_sockets_are_counted_together():
    cpu = windows.parse_processors(PROCESSORS.replace("]", ",") + PROCESSORS[1:])
    assert (cpu.model_name, cpu.physical_cores, cpu.logical_cores) == ("AMD EPYC 9124", 32, 64)
    assert cpu.last_level_cache_bytes == 64 * MIB


def test_memory_of_wmi_and_of_systeminfo():
    told = windows.parse_memory("\nFreePhysicalMemory=20000000\nTotalVisibleMemorySize=33000000\n")
    assert (told.physical_bytes, told.available_bytes) == (33000000 * KIB, 20000000 * KIB)
    assert windows.parse_memory('{"TotalPhysicalMemory": 34000000000}').physical_bytes == 34000000000
    told = windows.parse_systeminfo(captured("systeminfo.txt"))
    assert (told.physical_bytes, told.available_bytes) == (32510 * MIB, 20112 * MIB)
    assert windows.parse_systeminfo("Total Physical Memory:   32,5").physical_bytes is None


def test_dxdiag_tells_processor_and_memory():
    cpu = windows.parse_dxdiag_cpu(captured("dxdiag.txt"))
    assert (cpu.model_name, cpu.logical_cores) == ("AMD Ryzen 7 7800X3D 8-Core Processor", 16)
    assert windows.parse_dxdiag_memory(captured("dxdiag.txt")).physical_bytes == 31880 * MIB


def test_a_capture_of_dxdiag_alone():
    source = FakeSource("Windows", files={DXDIAG: captured("dxdiag.txt")})
    finding = windows.probe_gpus(source)
    (gpu,) = finding.value
    assert (gpu.name, gpu.memory_bytes) == ("AMD Radeon RX 7900 XTX", 24489 * MIB)


def test_a_living_machine_is_not_asked_for_what_is_known():
    counters = SystemCounters(physical_cores=8, logical_cores=16, total_memory_bytes=32 * GIB)
    key = "HKEY_LOCAL_MACHINE\\X\\0000\n    "
    cpu = f"{key}ProcessorNameString    REG_SZ    AMD Ryzen 7 7800X3D\n    VendorIdentifier    REG_SZ    AuthenticAMD\n"
    gpu = f"{key}DriverDesc    REG_SZ    AMD Radeon RX 7800 XT\n    HardwareInformation.qwMemorySize    REG_QWORD    0x3ff000000\n"  # noqa: E501
    commands = {
        f"reg query {windows.CPU_KEY}": CommandOutput(0, cpu),
        f"reg query {windows.DISPLAY_KEY}": CommandOutput(0, gpu),
    }
    source = FakeSource("Windows", commands=commands, counters=counters)
    assert windows.cpu_layers(source)[0][0].model_name == "AMD Ryzen 7 7800X3D"
    assert windows.memory_layers(source) == []
    assert [gpu.memory_bytes for gpu in windows.probe_gpus(source).value] == [0x3FF000000]
    assert all(line.startswith("reg query") for line in source.asked)


def test_the_registry_goes_before_wmi_and_facts_say_which_it_was():
    source = FakeSource(
        "Windows",
        commands={
            "reg query": CommandOutput(0, "NVIDIA GeForce RTX 4090|25757220864\n"),
            "powershell": CommandOutput(0, captured("win32-video-controller.json")),
        },
    )
    finding = windows.probe_gpus(source)
    (gpu,) = finding.value
    assert (gpu.memory_bytes, gpu.driver) == (25757220864, "32.0.15.6094")
    assert finding.sources["0.memory_bytes"].source == "Windows registry"

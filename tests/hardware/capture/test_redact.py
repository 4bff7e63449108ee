import json
import socket

import pytest

from fakes.captures import capture_names, load_capture
from labkit.hardware.capture.redact import REDACTED, Redactor, redactor_of_this_machine
from labkit.hardware.capture.tree import decode
from labkit.hardware.captured import detect_captured

SECRETS = [
    ("Serial\t\t: 10000000c0ffee42\n", "10000000c0ffee42"),
    ("      Serial Number (system): FVFXC123Q05D\n", "FVFXC123Q05D"),
    ("      Hardware UUID: 8A1F2B3C-1111-2222-3333-0123456789AB\n", "8A1F2B3C"),
    ("      Provisioning UDID: 00008103-000A1B2C3D4E5F60\n", "000A1B2C3D4E5F60"),
    ('  "serial_number" : "C02ZX1ABMD6T",\n', "C02ZX1ABMD6T"),
    ('  "_spdisplays_display-serial-number" : "3a2b1c",\n', "3a2b1c"),
    ('  "spdisplays_display-serial-number" : "MON12345",\n', "MON12345"),
    ("<serial>1322020012345</serial>", "1322020012345"),
    ("<uuid>GPU-5a3bc0de-1111-2222-3333-444455556666</uuid>", "5a3bc0de"),
    ("    GPU UUID                              : GPU-5a3bc0de-1111-2222-3333-444455556666\n", "5a3bc0de"),
    ("    Serial Number                         : 1652823012345\n", "1652823012345"),
    ("GPU[0]\t\t: Serial Number: \t692233005678\n", "692233005678"),
    ("GPU[0]\t\t: Unique ID: 0x8a1b2c3d4e5f6071\n", "8a1b2c3d4e5f6071"),
    ('"Unique ID": "0x8a1b2c3d4e5f6071"', "8a1b2c3d4e5f6071"),
    ("| 0         | Serial Number: LQWB12345678                 |\n", "LQWB12345678"),
    ("|           | SOC UUID: 12345678-0000-0200-0000-00087d558086 |\n", "12345678-0000"),
    (
        "0::/system.slice/docker-9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0.scope\n",
        "9f8e7d6c5b4a",
    ),
    ("0::/kubepods/pod6c1f9d2e-1234-4abc-9def-0123456789ab/x\n", "6c1f9d2e"),
    ("0::/kubepods-pod6c1f9d2e_1234_4abc_9def_0123456789ab.slice\n", "6c1f9d2e"),
    ("machine-id: 4c4c45440039\n", "4c4c45440039"),
    ("b08dfa6083e7567a1921a715000001fb\n", "b08dfa6083e7567a1921a715000001fb"),
    ("link/ether 3c:7c:3f:aa:bb:cc brd\n", "3c:7c:3f:aa:bb:cc"),
    ("Physical Address: 3C-7C-3F-AA-BB-CC\n", "3C-7C-3F-AA-BB-CC"),
    ("error in /home/marie/lab/model.gguf\n", "marie"),
    ("error in /Users/Marie.Curie/lab\n", "Marie"),
    ("C:\\Users\\MarieC\\AppData\n", "MarieC"),
    ('{"path": "C:\\\\Users\\\\MarieC\\\\x"}', "MarieC"),
    ("Host Name:                 DESKTOP-7XK2A\n", "DESKTOP-7XK2A"),
    ("    RegisteredOwner    REG_SZ    Marie Curie\n", "Curie"),
    ("Linux version 6.8 on sorbonne-lab3, sorbonne-lab3.local\n", "sorbonne"),
    ("/dev/disk (mcurie)\n", "mcurie"),
    ('    "IOPlatformSerialNumber" = "C02ZX1ABMD6T"\n', "C02ZX1ABMD6T"),
    ('    "serial-number" = <4330325a58>\n', "4330325a58"),
    ("        GPU PDI                               : 0x8c1b2d3e4f506172\n", "8c1b2d3e"),
    ("  Uuid:                    GPU-2150e7d042a11240      \n", "2150e7d042a1"),
    ("Product ID:                00330-80000-00000-AA123\n", "AA123"),
    ("Domain:                    corp.example.org\n", "corp.example"),
    ("                                 [01]: 10.20.30.40\n", "10.20.30.40"),
    ("                                 [02]: fe80::1c2d:3e4f:5061:7283\n", "1c2d:3e4f"),
    ("connected from 192.168.17.23\n", "192.168.17.23"),
    ("Linux version 6.8.0 (mariec@workbench) (gcc 13)\n", "workbench"),
    (" -InternalBattery-0 (id=21430371)\t93%; charging\n", "21430371"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_what_identifies_is_gone_and_stays_gone(text, secret):
    redactor = Redactor({"sorbonne-lab3": "host", "mcurie": "user"})
    clean = redactor.redact(text)
    assert secret.lower() not in clean.lower()
    assert redactor.redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "0000:03:00.0 VGA compatible controller [0300]: Intel Corporation DG2 [Arc A770] [8086:56a0] (rev 08)\n",
        "00:15.0 Serial bus controller [0c80]: Intel Corporation Device 51e8 (rev 01)\n",
        "00:17.0 Serial ATA controller: Intel Corporation\n",
        "driver_version : 31.0.15.3640\n",
        "Serial Number: N/A\nGPU UUID : [N/A]\nSerial Number: unknown\n",
        "location_id 50432\nunique_id 0\n",
        "MemTotal:       24683660 kB\n",
        "Cpus_allowed:\tffffffff,ffffffff\n",
        "hw.memsize: 25769803776\n",
        '"PCI Bus": "0000:83:00.0", "VRAM Total Memory (B)": "34342961152"',
        "/home/",
        "flags\t\t: fpu vme de pse tsc msr\n",
        "OS Version:                10.0.22621 N/A Build 22621\n",
        "  Name:                    gfx1151\n  Marketing Name:          AMD Radeon Graphics\n",
        "product_name: AMD Instinct MI210\n<product_name>NVIDIA L4</product_name>\n",
        "[03]: 10.0.22621.1 is a version\n",
        "CPU [12%@1510,off] EMC_FREQ 0%@2133 model name : Xeon CPU @ 2.60GHz mem@1200MHz\n",
        "Node ID: 1\nDevice ID: 0x6860\n",
    ],
)
def test_what_probes_read_stays(text):
    assert Redactor().redact(text) == text


TABLE = """\
|   0  NVIDIA L4                     Off |   00000000:00:03.0 Off |                    0 |
+-----------------------------------------------------------------------------------------+
| Processes:                                                                              |
|  GPU   GI   CI        PID   Type   Process name                              GPU Memory |
|    0   N/A  N/A      4711      C   /opt/secret/train.py                          400MiB |
+-----------------------------------------------------------------------------------------+
"""
LISTING = """\
    FB Memory Usage
        Total                             : 23034 MiB
    Processes
        GPU instance ID                   : N/A
        Process ID                        : 4711
            Name                          : /opt/secret/train.py
    Clocks
        SM                                : 210 MHz
"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (TABLE, "NVIDIA L4"),
        (LISTING, "SM                                : 210 MHz"),
        ("<gpu><processes><process_info><pid>4711</pid><process_name>/opt/secret/train.py</process_name>"
         "</process_info></processes><a>1</a></gpu>", "<a>1</a>"),
        ("<gpu><a>1</a><processes><process_info><process_name>/opt/secret/train.py", "<a>1</a>"),
        ('{"card0": {"VRAM": "1"}, "system": {"PID4711": "/opt/secret/train.py, 1"}}', "VRAM"),
        ('{"card0": {"VRAM": "1"}, "system": {"PID4711": "/opt/secret/train.py', "VRAM"),
        ('[{"gpu": 0, "process_list": [{"name": "/opt/secret/train.py", "pid": 4711}]}]', '"gpu": 0'),
    ],
)  # fmt: skip
def test_lists_of_processes_are_gone(text, kept):
    clean = Redactor().redact(text)
    assert "secret" not in clean
    assert "4711" not in clean
    assert kept in clean


def test_equal_ids_stay_equal_and_different_ones_different():
    one, other = "5a3bc0de-1111-2222-3333-444455556666", "6a3bc0de-1111-2222-3333-444455556666"
    first, second, third = Redactor().redact(f"GPU-{one}\nGPU-{other}\nMIG-{one}\n").split()
    assert first.removeprefix("GPU-") == third.removeprefix("MIG-") != second.removeprefix("GPU-")
    assert len(first) == len(f"GPU-{one}")


def test_a_word_that_captures_need_is_no_name_of_a_host_or_user(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "nvidia.example.org")
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    names = redactor_of_this_machine().names
    assert "nvidia" not in names
    assert "root" not in names
    assert names["nvidia.example.org"] == "host"


def test_a_user_without_a_name_is_no_error(monkeypatch):
    def unknown():
        raise KeyError("no such uid")

    monkeypatch.setattr("getpass.getuser", unknown)
    assert redactor_of_this_machine().redact("x") == "x"


@pytest.mark.parametrize("name", capture_names())
def test_redacted_captures_say_the_same(name, tmp_path):
    capture, redactor = load_capture(name), Redactor({"sorbonne": "host"})
    whole = detect_captured(capture.write(tmp_path / "c"))
    for path, data in capture.files.items():
        (tmp_path / "c" / path).write_text(redactor.redact(decode(data)), encoding="utf-8")
    assert detect_captured(tmp_path / "c").profile == whole.profile


def test_long_and_odd_texts_take_no_long_time():
    for text in ("a" * 200_000, "/home/" * 30_000, "serial " * 30_000, "|" * 200_000, "0" * 200_000, "{" * 50_000):
        Redactor({"host-a": "host"}).redact(text)


def test_json_stays_json():
    text = json.dumps({"a": [{"serial_number": "X1", "processes": []}], "host_name": "lab"})
    assert json.loads(Redactor().redact(text)) == {
        "a": [{"serial_number": f"{REDACTED}-1"}],
        "host_name": f"{REDACTED}-2",
    }

import json
import os
import signal
import subprocess
import sys

import pytest

from fakes.source import FakeSource
from labkit.hardware.probes.native import (
    COMMAND,
    parse_description,
    parse_system_info,
    probe_native_core,
    rebuild_command,
)
from labkit.hardware.source import DESCRIBE_CORE, CommandOutput


def asked(output):
    return probe_native_core(FakeSource(commands={"python -m": output} if output else {}))


def test_the_real_core_describes_itself():
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True)
    core = parse_description(done.stdout)
    assert core is not None
    assert core.load_error is None
    assert None not in (core.version, core.ggml_version)
    assert "CPU" in core.backends
    cpu = next(device for device in core.devices if device.kind == "cpu")
    assert (cpu.total_bytes or 0) > 1024**3
    assert core.cpu_features


def test_a_missing_package_is_an_answer_of_the_child(tmp_path):
    # An empty folder of that name with a failing start stands for a package that is broken.
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp" / "__init__.py").write_text(
        "raise OSError('libllama.so: cannot open shared object file')\n"
    )
    code = "import runpy; runpy.run_module('labkit.engine.native.describe', run_name='__main__')"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"error": "OSError: libllama.so: cannot open shared object file"}


def test_system_info_of_several_backends():
    text = "CUDA : ARCHS = 890 | USE_GRAPHS = 1 | CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 0 | LLAMAFILE = 1 | "
    assert parse_system_info(text) == ("sse3", "avx2")
    assert parse_system_info(None) == ()


@pytest.mark.parametrize(
    ("output", "error", "fix"),
    [
        (CommandOutput(None), "did not answer", "pip install"),
        (CommandOutput(-signal.SIGILL), "SIGILL", "-DGGML_NATIVE=off"),
        (CommandOutput(0xC000001D), "SIGILL", "-DGGML_NATIVE=off"),
        (CommandOutput(-signal.SIGSEGV), "SIGSEGV", "--force-reinstall"),
        (
            CommandOutput(1, "", "Traceback (most recent call last):\nImportError: no libgomp\n"),
            "no libgomp",
            "pip",
        ),
        (CommandOutput(0, "not json"), "not readable", "pip install"),
        (CommandOutput(0, '{"error": "OSError: libcudart.so.12: cannot open"}'), "libcudart", "--force-reinstall"),
    ],
)
def test_a_core_that_does_not_load_is_an_error_with_a_command(output, error, fix):
    finding = asked(output)
    assert finding.value.load_error is not None
    assert error in finding.value.load_error
    (problem,) = finding.problems
    assert problem.severity == "error"
    assert fix in problem.fix


@pytest.mark.parametrize("document", ["null", "[1]", "{}", '{"devices": []}', '"text"'])
def test_other_json_is_no_description(document):
    assert parse_description(document) is None


def test_devices_with_wrong_fields_are_left_out():
    entries = [{"name": 3}, None, {"name": "CPU", "free_bytes": -5, "total_bytes": True}]
    core = parse_description(json.dumps({"version": "1", "devices": entries, "backends": ["CPU", 5]}))
    assert core is not None
    (device,) = core.devices
    assert (device.name, device.free_bytes, device.total_bytes, device.kind) == ("CPU", None, None, "unknown")
    assert core.backends == ("CPU",)


def test_the_rebuild_command_of_powershell():
    assert rebuild_command("cuda", windows=True).startswith('$env:CMAKE_ARGS="-DGGML_CUDA=on"; pip install')
    assert rebuild_command("metal").startswith('CMAKE_ARGS="-DGGML_METAL=on" pip install')


def run_description(folder, *options):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, *options, *DESCRIBE_CORE[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def test_the_description_is_the_same_by_path_and_by_name(tmp_path):
    by_name = subprocess.run(
        [sys.executable, "-m", "labkit.engine.native.describe"], capture_output=True, text=True, check=True
    )
    by_path = run_description(tmp_path)
    assert parse_description(json.dumps(by_path)) is not None
    assert {**json.loads(by_name.stdout), "devices": None} == {**by_path, "devices": None}


def test_bindings_without_what_their_python_layer_needs_are_a_core_that_does_not_load(tmp_path):
    package = tmp_path / "llama_cpp"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '9.9.9'\nimport numpy\n")
    (package / "llama_cpp.py").write_text("")
    assert run_description(tmp_path, "-S") == {"error": "ModuleNotFoundError: No module named 'numpy'"}

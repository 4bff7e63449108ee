import subprocess
import sys

from labkit import hardware


def test_the_public_names():
    assert sorted(hardware.__all__) == hardware.__all__
    assert all(hasattr(hardware, name) for name in hardware.__all__)


def test_importing_it_loads_nothing_heavy():
    heavy = ("numpy", "pydantic", "psutil", "llama_cpp")
    code = f"import sys, labkit.hardware; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

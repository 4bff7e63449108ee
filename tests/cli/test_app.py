import subprocess
import sys

HEAVY = ("llama_cpp", "torch", "fastapi", "numpy", "httpx2", "pydantic")


def run(*words):
    command = [sys.executable, "-m", "labkit", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from labkit.cli.app import app
try:
    app(["--help"])
except SystemExit:
    pass
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "[]"
    assert "labkit" in result.stdout


def test_help_names_commands_and_groups_in_the_order_of_a_day():
    lines = run("--help").stdout.splitlines()
    named = [line.split()[0] for line in lines if line.startswith("  ") and line[2:3].isalpha()]
    order = [named.index(name) for name in ("doctor", "models", "pull", "serve", "ps", "keys", "chat", "bench", "tune")]
    assert order == sorted(order)


def test_version():
    assert run("--version").stdout.startswith("labkit 0.")


def test_an_unknown_command_is_a_usage_error():
    result = run("dcotor")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr

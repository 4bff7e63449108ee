import os
import signal
import subprocess
import sys

import pytest

from labkit.cli.interrupts import interrupts_end_at_once


def test_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with interrupts_end_at_once():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(os.name != "posix", reason="signals to oneself are POSIX")
def test_ctrl_c_inside_ends_without_a_traceback():
    code = (
        "import os, signal\n"
        "from labkit.cli.interrupts import interrupts_end_at_once\n"
        "with interrupts_end_at_once():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "print('went on')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == -signal.SIGINT
    assert (result.stdout, result.stderr) == ("", "")


def test_an_ignored_interrupt_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_end_at_once():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)

"""A template that never ends, in a file that is served by its path: its requests end, and the worker lives."""

import subprocess
import sys

from fakes.gguf_mutants.bases import base
from fakes.gguf_mutants.templates import KEY, NESTED
from labkit.chat import TEMPLATE_LIMIT
from labkit.worker.messages import Generate, Pulse, Ready, Step
from labkit.worker.wire import HEADER, body_length, pack, unpack


def receive(process):
    while True:
        message = unpack(process.stdout.read(body_length(process.stdout.read(HEADER.size))))
        if not isinstance(message, Pulse):
            return message


def test_only_the_conversation_that_does_not_end_is_ended(tmp_path):
    template = "{% if messages[0].content == 'loop' %}" + NESTED + "{% endif %}{{ messages[0].content }}"
    path = tmp_path / "m.gguf"
    path.write_bytes(base("bpe").setting(KEY, template).to_bytes())
    command = [sys.executable, "-m", "labkit.worker", str(path), "--num-threads=1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert isinstance(receive(process), Ready)
        ends = []
        for number, text in enumerate(("loop", "fine", "loop")):
            message = Generate(str(number), ({"role": "user", "content": text},), max_tokens=2)
            process.stdin.write(pack(message))
            process.stdin.flush()
            while not (isinstance(step := receive(process), Step) and step.deltas[-1].is_last):
                pass
            ends.append(step.deltas[-1].error)
        process.stdin.close()
    assert ends[1] is None
    assert [ends[0].code, ends[2].code] == [TEMPLATE_LIMIT] * 2
    assert "did not end within 2 s" in ends[0].message

"""`python -m fakes.crashes.zygote`: reads one request per line, and carries each out in a copy of itself.

Imports are paid once. It has no threads, so that a fork is a whole process.
"""

import json
import os
import sys
import traceback

from fakes.crashes import operations
from fakes.crashes.disk import DIED, FaultyDisk
from labkit.errors import LabkitError
from labkit.hub.client import session


def main():
    from huggingface_hub import HfApi, get_hf_file_metadata  # noqa: F401  paid here

    session()  # its certificates too

    for line in sys.stdin:
        print(json.dumps(_in_a_copy(json.loads(line))), flush=True)  # noqa: T201


def _in_a_copy(request):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            answer = _carry_out(request)
        except BaseException:  # noqa: BLE001
            answer = {"outcome": "bug", "what": traceback.format_exc()}
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == DIED:
        return {"outcome": "died"}
    return json.loads(content)


def _carry_out(request):
    if request["boot"]:
        from labkit.hub import part

        part._boot_id = lambda: request["boot"].encode().ljust(16, b"\0")
    for name in request["before"]:
        operations.run(name, request["home"], request["folder"])
    disk = FaultyDisk(request["home"], request["at"], request["kind"])
    disk.install()
    try:
        operations.run(request["do"], request["home"], request["folder"])
    except LabkitError as error:
        return {"outcome": "error", "what": f"{error.message} -> {error.hint}", "calls": disk.calls}
    except Exception:  # noqa: BLE001
        return {"outcome": "bug", "what": traceback.format_exc(), "calls": disk.calls}
    return {"outcome": "done", "calls": disk.calls}


if __name__ == "__main__":
    main()

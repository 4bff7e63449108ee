"""`labkit serve` with fake workers: the real front in a process of its own. Arguments: folder, model names."""

import sys
from pathlib import Path

from labkit.cli.interrupts import interrupts_end_at_once

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    with interrupts_end_at_once():
        from fakes.endpoints import fake_plan
        from labkit.cli import errors
        from labkit.cli.serve_output import tell
        from labkit.serving import serve

        plan = fake_plan(Path(sys.argv[1]), *sys.argv[2:], drain_seconds=20.0)
    sys.exit(errors.run(lambda: serve(plan, lambda event: tell(event, as_json=True))))

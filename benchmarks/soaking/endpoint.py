"""`labkit serve nano` for a run with kills: each crash counts as the first one, so that the breaker stays closed.

python -m soaking.endpoint PORT ENGINE
"""

import sys
from dataclasses import replace

from labkit.engine.types import EngineConfig
from labkit.serving import RestartPolicy, plan_endpoint, serve
from labkit.settings import load_settings

if __name__ == "__main__":
    engine = EngineConfig(engine="echo" if sys.argv[2] == "echo" else "native")
    plan = plan_endpoint(["nano"], load_settings(), port=int(sys.argv[1]), engine=engine)
    serve(replace(plan, restart=RestartPolicy(window_seconds=0.0)), lambda _: None)

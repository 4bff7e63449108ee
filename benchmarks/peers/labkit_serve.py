"""`labkit serve` with any field of EngineConfig, of which the command line names only some.

Usage:
    python benchmarks/peers/labkit_serve.py MODEL.gguf --port N --engine '{"num_slots": 4}'
"""

import argparse
import json

from labkit.engine.types import EngineConfig
from labkit.serving import plan_endpoint, serve
from labkit.settings import load_settings


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine", type=json.loads, default={})
    arguments = parser.parse_args()
    engine = EngineConfig(**arguments.engine)
    serve(plan_endpoint([arguments.model], load_settings(), port=arguments.port, engine=engine), lambda _event: None)


if __name__ == "__main__":
    main()

"""Shapes of real models over every kind of memory that llama.cpp has, for benchmarks that size and place them."""

from pathlib import Path

from labkit.bench.synthetic_shapes import synthetic_shape
from labkit.catalog import load_catalog
from labkit.engine.synthetic import ExpertShape, MlaShape, RecurrentShape, SyntheticShape

# The catalogue's rows that have a full shape; each stands for a kind of memory or of block.
FROM_CATALOG = (
    "llama-3.2-1b-instruct", "llama-3.1-8b-instruct", "llama-3.3-70b-instruct", "qwen3-0.6b", "qwen3-8b",
    "qwen3-30b-a3b",
    "qwen2.5-coder-7b-instruct", "phi-4", "smollm2-135m-instruct", "gemma-3-1b-it", "gemma-3-4b-it", "gemma-3-27b-it",
    "gemma-4-e2b-it", "gemma-4-e4b-it", "gemma-4-12b-it", "gemma-4-26b-a4b-it", "gemma-4-31b-it", "gpt-oss-20b",
    "gpt-oss-120b", "qwen3.5-4b", "qwen3.5-9b", "qwen3.5-27b", "qwen3.5-35b-a3b", "granite-4.0-h-micro",
    "granite-4.0-h-tiny", "granite-4.0-h-small", "granite-4.2-8b", "lfm2.5-1.2b-instruct", "lfm2.5-8b-a1b",
    "devstral-small-2-24b-instruct-2512",
)  # fmt: skip

# Sizes from the models' own config.json (zai-org/GLM-4.7-Flash, Qwen/Qwen3-Next-80B-A3B-Instruct,
# state-spaces/mamba2-2.7b,
# deepseek-ai/DeepSeek-V3).
OTHERS = (
    SyntheticShape(
        "glm-4.7-flash", "deepseek2", 47, 2048, 10240, 20, 1, 576, 154880, 202752, tied_embeddings=False,
        experts=ExpertShape(64, 4, 1536, 1536, 1), mla=MlaShape(768, 512, 64, 256, 256),
    ),
    SyntheticShape(
        "deepseek-v3", "deepseek2", 61, 7168, 18432, 128, 1, 576, 129280, 163840, tied_embeddings=False,
        experts=ExpertShape(256, 8, 2048, 2048, 3), mla=MlaShape(1536, 512, 64, 192, 128),
    ),
    SyntheticShape(
        "qwen3-next-80b-a3b", "qwen3next", 48, 2048, 5120, 16, 2, 256, 151936, 262144, tied_embeddings=False,
        experts=ExpertShape(512, 10, 512, 512), rope_dim=64,
        recurrent=RecurrentShape(4, tuple(range(3, 48, 4)), 4096, 128, 16, 32),
    ),
    SyntheticShape(
        "mamba2-2.7b", "mamba2", 64, 2560, 0, 0, 0, 0, 50288, 4096,
        recurrent=RecurrentShape(4, (), 5120, 128, 1, 80),
    ),
)  # fmt: skip


def _shapes() -> dict[str, SyntheticShape]:
    catalog = load_catalog(Path("none"))  # a folder of user's own rows; there is none
    known = {name: synthetic_shape(catalog.get(name)) for name in FROM_CATALOG}
    return known | {shape.name: shape for shape in OTHERS}


SHAPES = _shapes()

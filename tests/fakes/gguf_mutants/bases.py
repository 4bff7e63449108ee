"""Small models that answer, which mutants are made of. Written once for each process, kept as bytes."""

import functools
import tempfile
from pathlib import Path

import numpy as np

from fakes import embedding_models, gguf_writer
from fakes.gguf_mutants.document import parse
from labkit import resources
from labkit.engine.synthetic import TINY, plan_synthetic, write_synthetic, write_tiny
from labkit.engine.synthetic.shape import ExpertShape, MlaShape, SyntheticShape

SMALL = {"vocab_size": 300, "context_tokens": 512}
EXTRA_SHAPES = {
    "gpt-oss": ("gpt-oss", {
        "window_tokens": 64, "global_every": 2, "experts": ExpertShape(4, 2, 64),
        "tied_embeddings": False,
    }),
    "deepseek2": ("deepseek2", {
        "num_kv_heads": 4, "mla": MlaShape(64, 64, 16, 32, 32), "experts": ExpertShape(4, 2, 64, 64, 1),
    }),
}  # fmt: skip


def spm(path):
    """A Llama with a SentencePiece vocabulary and random weights."""
    gguf_writer.write_tiny_llama(path)
    return _with_random_weights(path)


def llama_bpe(path):
    """The same Llama with a byte-level BPE vocabulary."""
    tokens = [*embedding_models._byte_characters(), "ab", "<|end|>"]
    gguf_writer.write(path, *_resized(gguf_writer.tiny_llama(**{
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "default", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": None, "tokenizer.ggml.token_type": [1] * 257 + [3],
        "tokenizer.ggml.merges": ["a b"], "tokenizer.ggml.bos_token_id": 257, "tokenizer.ggml.eos_token_id": 257,
    }), len(tokens)))  # fmt: skip
    return _with_random_weights(path)


def _resized(model, num_tokens):
    metadata, tensors = model
    for name in ("token_embd.weight", "output.weight"):
        tensors[name] = ((64, num_tokens), gguf_writer.F32)
    return metadata, tensors


def _with_random_weights(path):
    document = parse(path.read_bytes())
    draw = np.random.default_rng(7)
    tensors = tuple(_random(tensor, draw) for tensor in document.tensors)
    path.write_bytes(document.with_(tensors=tensors).to_bytes())
    return path


def _random(tensor, draw):
    from dataclasses import replace

    values = draw.normal(1.0 if b"norm" in tensor.name else 0.0, 0.1, len(tensor.data) // 4)
    return replace(tensor, data=values.astype("<f4").tobytes())


def _extra(name, path):
    architecture, sizes = EXTRA_SHAPES[name]
    shape = {
        "num_layers": 2, "hidden_size": 128, "ffn_size": 128, "num_heads": 4, "num_kv_heads": 2, "head_dim": 32,
        **SMALL,
    } | sizes  # fmt: skip
    return write_synthetic(plan_synthetic(SyntheticShape(f"tiny-{name}", architecture, **shape), "Q8_0"), path)


def _embedded(path):
    path.write_bytes(resources.embedded_model().read_bytes())
    return path


_WRITERS = {
    "nano": _embedded,
    "spm": spm,
    "bpe": llama_bpe,
    **{kind: functools.partial(write_tiny, kind, vocab_size=300, context_tokens=512) for kind in TINY},
    **{name: functools.partial(_extra, name) for name in EXTRA_SHAPES},
    "bert": embedding_models.write_tiny_bert,
    "embedding": embedding_models.write_tiny_qwen3,
    "rerank": functools.partial(embedding_models.write_tiny_qwen3, pooling="rank", head=2, labels=("yes", "no")),
}
NAMES = tuple(_WRITERS)
# The embedded model and the two vocabularies of Llama are what most files in the world are like.
WEIGHTS = tuple(6 if name in ("nano", "spm", "bpe") else 1 for name in NAMES)


@functools.cache
def base_bytes(name):
    """The file of a base."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.gguf"
        _WRITERS[name](path)
        return path.read_bytes()


@functools.cache
def base(name):
    """A base, taken apart."""
    return parse(base_bytes(name))


def any_base(rng, *, among=NAMES):
    """(name, document) of one of them."""
    weights = [WEIGHTS[NAMES.index(name)] for name in among]
    name = rng.choices(among, weights)[0]
    return name, base(name)

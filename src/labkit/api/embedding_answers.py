"""From a worker's vectors to OpenAI's list of embeddings, and to Jina's list of ranked documents."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from labkit.api.embedding_request import EmbeddingCall, RerankCall
from labkit.engine.types import Usage
from labkit.worker.messages import Embedded

FLOAT32 = np.dtype("<f4")


def embedding_list(call: EmbeddingCall, parts: Sequence[Embedded]) -> dict[str, Any]:
    """The whole answer, in the order of the inputs, from all parts of it."""
    vectors = _by_index(parts)
    write = _base64 if call.as_base64 else _floats
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": write(vectors[index])}
            for index in range(len(call.embed.inputs))
        ],
        "model": call.model,
        "usage": _usage(parts[-1].usage),
    }


def rerank_list(call: RerankCall, answer_id: str, parts: Sequence[Embedded]) -> dict[str, Any]:
    """The best documents first; a score is the first output of the model's head, as it comes out of it."""
    vectors = _by_index(parts)
    scores = {index: _floats(vectors[index])[0] for index in range(len(call.rerank.documents))}
    best = sorted(scores, key=lambda index: -scores[index])[: call.top_n]
    return {
        "object": "list",
        "id": answer_id,
        "model": call.model,
        "results": [_result(call, index, scores[index]) for index in best],
        "usage": _usage(parts[-1].usage),
    }


def vectors_in_order(parts: Sequence[Embedded]) -> list[list[float]]:
    """The numbers of each vector, in the order of the inputs."""
    vectors = _by_index(parts)
    return [_floats(vectors[index]) for index in sorted(vectors)]


def _result(call: RerankCall, index: int, score: float) -> dict[str, Any]:
    document = {"document": {"text": call.rerank.documents[index]}} if call.return_documents else {}
    return {"index": index, "relevance_score": score, **document}


def _by_index(parts: Sequence[Embedded]) -> dict[int, bytes]:
    return {index: vector for part in parts for index, vector in zip(part.indexes, part.vectors, strict=True)}


def _base64(vector: bytes) -> str:
    return base64.b64encode(vector).decode()


def _floats(vector: bytes) -> list[float]:
    return np.frombuffer(vector, FLOAT32).tolist()


def _usage(usage: Usage | None) -> dict[str, int]:
    num_tokens = usage.prompt_tokens if usage else 0
    return {"prompt_tokens": num_tokens, "total_tokens": num_tokens}

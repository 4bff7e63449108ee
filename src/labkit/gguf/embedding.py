"""What a file says about embeddings: how token vectors become one, and whether a head turns that into scores."""

from dataclasses import dataclass
from typing import Literal

from labkit.errors import InvalidModelFileError
from labkit.gguf.header import GgufHeader
from labkit.gguf.tokenizer import ENCODERS
from labkit.model import Pooling

POOLINGS: tuple[Pooling, ...] = ("none", "mean", "cls", "last", "rank")
"""By llama.cpp's number (enum llama_pooling_type)."""
RANK = POOLINGS.index("rank")
# A softmax follows the head of these: with one output every score would be 1.
SOFTMAX_HEADS = {"qwen3", "qwen3vl"}


@dataclass(frozen=True, slots=True)
class EmbeddingFacts:
    """Embedding side of a model file.

    Attributes:
        architecture: llama.cpp's name.
        pooling: what the file states; None when it states nothing, or no pooling.
        is_encoder: every token sees the whole input, so that the model cannot generate.
        labels: names of the outputs of a classification head, where the file has them.
        num_scores: outputs of that head; 0 without one.
    """

    architecture: str
    pooling: Pooling | None
    is_encoder: bool
    labels: tuple[str, ...]
    num_scores: int

    @property
    def purpose(self) -> Literal["embeddings", "rerank"] | None:
        """What the model was made for, where it is not generating text."""
        if self.pooling == "rank":
            return "rerank"
        return "embeddings" if self.pooling or self.is_encoder else None

    def choose_pooling(self, asked: Pooling | None = None) -> Pooling:
        """What to pool by: what was asked for, what the file states, or what models of its kind are trained with.

        Raises InvalidModelFileError for ranking without a head that can.
        """
        pooling = asked or self.pooling or ("mean" if self.is_encoder else "last")
        if pooling != "rank":
            return pooling
        if not self.num_scores:
            raise InvalidModelFileError(
                "the model has no head that ranks ('cls.output.weight' is missing)",
                hint="similarity of embeddings is not a rerank score: take a GGUF made for reranking",
            )
        if self.architecture in SOFTMAX_HEADS and self.num_scores < 2:
            raise InvalidModelFileError(
                "the head that ranks has one output behind a softmax: every score would be 1",
                hint="take a file converted with both labels, yes and no",
            )
        return pooling


def embedding_facts(header: GgufHeader) -> EmbeddingFacts:
    """Facts of the file whose header this is. Pure."""
    architecture = header.text("general.architecture") or ""
    number = header.integer(f"{architecture}.pooling_type") or 0
    labels = header.strings(f"{architecture}.classifier.output_labels") or ()
    return EmbeddingFacts(
        architecture=architecture,
        pooling=POOLINGS[number] if 0 < number < len(POOLINGS) else None,
        is_encoder=architecture in ENCODERS,
        labels=tuple(label.decode(errors="replace") for label in labels),
        num_scores=_num_scores(header),
    )


def _num_scores(header: GgufHeader) -> int:
    """Rows of the last tensor of the head: `cls.output`, or `cls` where that is not a square pooler."""
    shapes = {tensor.name: tensor.dimensions for tensor in header.tensors}
    output = shapes.get("cls.output.weight")
    if output is not None:
        return output[1] if len(output) > 1 else 1
    pooler = shapes.get("cls.weight")
    if pooler is None or (len(pooler) > 1 and pooler[0] == pooler[1]):
        return 0
    return pooler[1] if len(pooler) > 1 else 1

"""An embedding model with random weights in the shape of BERT-base (110M parameters), written once and kept.

Speed does not depend on what the weights are. Devlin et al. 2018: 12 layers, 768 wide, 512 positions, 30,522 tokens.
"""

from collections.abc import Iterator
from itertools import count, islice, product
from pathlib import Path
from string import ascii_lowercase

import numpy as np

import gguf

NAME = "bert-base-synthetic"
FOLDER = Path(__file__).parent / ".models"
LAYERS, HIDDEN, HEADS, FFN, CONTEXT, VOCABULARY = 12, 768, 12, 3072, 512, 30_522
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
KINDS = {"Q8_0": gguf.GGMLQuantizationType.Q8_0, "F16": gguf.GGMLQuantizationType.F16}


def bert_base(quantization: str = "Q8_0") -> Path:
    """The file; some seconds when it must be written."""
    path = FOLDER / f"{NAME}-{quantization}.gguf"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        _write(unfinished, KINDS[quantization])
        unfinished.replace(path)
    return path


def _write(path: Path, kind: gguf.GGMLQuantizationType) -> None:
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(NAME)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    tokens = list(islice(_tokens(), VOCABULARY))
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(2)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in tokens])
    for add, token in (
        (writer.add_pad_token_id, 0), (writer.add_unk_token_id, 1), (writer.add_bos_token_id, 2),
        (writer.add_sep_token_id, 3), (writer.add_mask_token_id, 4),
    ):  # fmt: skip
        add(token)
    for name, values in _tensors():
        if values.ndim == 2 and name not in ("token_types.weight", "position_embd.weight"):
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tokens() -> Iterator[str]:
    """Special tokens, letters at the start of a word and inside it, then words of two to four letters."""
    yield from SPECIAL
    yield from (f"▁{letter}" for letter in ascii_lowercase)
    yield from ascii_lowercase
    for length in count(2):
        yield from (f"▁{''.join(letters)}" for letters in product(ascii_lowercase, repeat=length))


def _tensors() -> Iterator[tuple[str, np.ndarray]]:
    draw = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return draw.standard_normal((rows, columns), np.float32) * np.float32(columns**-0.5)

    def norm(name: str) -> Iterator[tuple[str, np.ndarray]]:
        yield f"{name}.weight", np.ones(HIDDEN, np.float32)
        yield f"{name}.bias", np.zeros(HIDDEN, np.float32)

    def linear(name: str, rows: int, columns: int) -> Iterator[tuple[str, np.ndarray]]:
        yield f"{name}.weight", matrix(rows, columns)
        yield f"{name}.bias", np.zeros(rows, np.float32)

    yield "token_embd.weight", matrix(VOCABULARY, HIDDEN)
    yield "token_types.weight", matrix(2, HIDDEN)
    yield "position_embd.weight", matrix(CONTEXT, HIDDEN)
    yield from norm("token_embd_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield from linear(f"{block}.{name}", HIDDEN, HIDDEN)
        yield from norm(f"{block}.attn_output_norm")
        yield from linear(f"{block}.ffn_up", FFN, HIDDEN)
        yield from linear(f"{block}.ffn_down", HIDDEN, FFN)
        yield from norm(f"{block}.layer_output_norm")

"""Tiny embedding and rerank models with real random weights, written with the `gguf` package."""

import numpy as np

import gguf

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORD_PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁.", "▁,"] + [
    prefix + letter for letter in LETTERS for prefix in ("▁", "")
]
CLS, SEP = 2, 3
BERT = {"hidden": 64, "heads": 4, "layers": 2, "ffn": 128, "context": 64}
QWEN_MARKERS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def bert_weights(seed=1, *, head=0):
    """Name -> array (rows, columns) as GGUF names them."""
    draw = np.random.default_rng(seed)
    hidden, ffn = BERT["hidden"], BERT["ffn"]

    def matrix(rows, columns, scale=None):
        return draw.normal(0, scale or columns**-0.5, (rows, columns)).astype(np.float32)

    def norm(name):
        return {
            f"{name}.weight": draw.normal(1, 0.1, hidden).astype(np.float32),
            f"{name}.bias": draw.normal(0, 0.1, hidden).astype(np.float32),
        }

    def linear(name, rows, columns):
        return {f"{name}.weight": matrix(rows, columns), f"{name}.bias": draw.normal(0, 0.1, rows).astype(np.float32)}

    weights = {
        "token_embd.weight": matrix(len(WORD_PIECES), hidden, 1.0),
        "token_types.weight": matrix(2, hidden, 0.3),
        "position_embd.weight": matrix(BERT["context"], hidden, 0.3),
        **norm("token_embd_norm"),
    }
    for layer in range(BERT["layers"]):
        block = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights |= linear(f"{block}.{name}", hidden, hidden)
        weights |= norm(f"{block}.attn_output_norm") | norm(f"{block}.layer_output_norm")
        weights |= linear(f"{block}.ffn_up", ffn, hidden) | linear(f"{block}.ffn_down", hidden, ffn)
    if head:
        weights |= linear("cls", hidden, hidden) | linear("cls.output", head, hidden)
    return weights


def write_tiny_bert(path, *, pooling="mean", seed=1, head=0, labels=()):
    """A whole BERT that llama.cpp loads: WordPiece vocabulary of letters, 64 tokens of context."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(path.stem)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(BERT["context"])
    writer.add_embedding_length(BERT["hidden"])
    writer.add_block_count(BERT["layers"])
    writer.add_feed_forward_length(BERT["ffn"])
    writer.add_head_count(BERT["heads"])
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    if pooling:
        writer.add_pooling_type(gguf.PoolingType[pooling.upper()])
    if labels:
        writer.add_classifier_output_labels(list(labels))
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(2)
    writer.add_token_list(WORD_PIECES)
    writer.add_token_types([3 if token.startswith("[") else 1 for token in WORD_PIECES])
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(CLS)
    writer.add_sep_token_id(SEP)
    writer.add_mask_token_id(4)
    return _write(writer, bert_weights(seed, head=head), path)


def write_tiny_qwen3(
    path,
    *,
    pooling="last",
    seed=2,
    head=0,
    labels=(),
    rerank_template=None,
    chat_template=None,
    markers=(),
    context=256,
):
    """A whole causal Qwen3 with a byte vocabulary, and `markers` as further control tokens."""
    hidden, heads, kv_heads, head_size, ffn, layers = 64, 4, 2, 16, 96, 2
    tokens = [*_byte_characters(), *QWEN_MARKERS, *markers]
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name(path.stem)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(context)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    if pooling:
        writer.add_pooling_type(gguf.PoolingType[pooling.upper()])
    if labels:
        writer.add_classifier_output_labels(list(labels))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * 256 + [3] * (len(QWEN_MARKERS) + len(markers)))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(256)
    writer.add_pad_token_id(256)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(True)
    templates = [{"name": "default", "template": chat_template}] if chat_template else []
    if rerank_template:
        templates.append({"name": "rerank", "template": rerank_template})
    if templates:
        writer.add_chat_template(templates)
    draw = np.random.default_rng(seed)

    def matrix(rows, columns, scale=None):
        return draw.normal(0, scale or columns**-0.5, (rows, columns)).astype(np.float32)

    weights = {"token_embd.weight": matrix(len(tokens), hidden, 1.0), "output_norm.weight": np.ones(hidden, np.float32)}
    for layer in range(layers):
        block = f"blk.{layer}"
        weights |= {
            f"{block}.attn_norm.weight": np.ones(hidden, np.float32),
            f"{block}.attn_q.weight": matrix(heads * head_size, hidden),
            f"{block}.attn_k.weight": matrix(kv_heads * head_size, hidden),
            f"{block}.attn_v.weight": matrix(kv_heads * head_size, hidden),
            f"{block}.attn_output.weight": matrix(hidden, heads * head_size),
            f"{block}.attn_q_norm.weight": np.ones(head_size, np.float32),
            f"{block}.attn_k_norm.weight": np.ones(head_size, np.float32),
            f"{block}.ffn_norm.weight": np.ones(hidden, np.float32),
            f"{block}.ffn_gate.weight": matrix(ffn, hidden),
            f"{block}.ffn_up.weight": matrix(ffn, hidden),
            f"{block}.ffn_down.weight": matrix(hidden, ffn),
        }
    if head:
        weights["cls.output.weight"] = matrix(head, hidden)
    return _write(writer, weights, path)


def bert_token_vectors(weights, tokens):
    """A plain forward of the tiny BERT: the last layer's vector of each token, shape (num_tokens, hidden).

    Devlin et al. 2018, with llama.cpp's tanh approximation of GELU.
    """
    x = weights["token_embd.weight"][list(tokens)] + weights["token_types.weight"][0]
    x = _layer_norm(x + weights["position_embd.weight"][: len(tokens)], weights, "token_embd_norm")
    head_size = BERT["hidden"] // BERT["heads"]
    for layer in range(BERT["layers"]):
        block = f"blk.{layer}"
        q, k, v = (
            _linear(x, weights, f"{block}.attn_{name}").reshape(len(tokens), -1, head_size).transpose(1, 0, 2)
            for name in "qkv"
        )
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(head_size)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(tokens), -1)
        x = _layer_norm(x + _linear(mixed, weights, f"{block}.attn_output"), weights, f"{block}.attn_output_norm")
        up = _linear(x, weights, f"{block}.ffn_up")
        up = up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3))) / 2
        x = _layer_norm(x + _linear(up, weights, f"{block}.ffn_down"), weights, f"{block}.layer_output_norm")
    return x


def bert_scores(weights, tokens):
    """Rank scores of the tiny BERT: its head on the first token's vector."""
    pooled = np.tanh(_linear(bert_token_vectors(weights, tokens)[0], weights, "cls"))
    return _linear(pooled, weights, "cls.output")


def _linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _layer_norm(x, weights, name):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def _write(writer, weights, path):
    for name, values in weights.items():
        writer.add_tensor(name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path

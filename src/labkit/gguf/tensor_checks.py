"""Checks of tensors that llama.cpp loads as they are and dies of at the first prompt.

Shapes it compares with the hyper-parameters itself and refuses; types it does not. Every rule here is about a type or
a tensor without which no backend computes anything, so no file that works is refused.
"""

import re

from labkit.gguf.cursor import invalid
from labkit.gguf.header import GgufHeader, TensorInfo

# The forms that activations are given for a product: never stored, no kernel reads them from a file.
OF_ACTIVATIONS = {"Q8_1", "Q8_K"}
# Indices and intermediate results: no kernel multiplies with them, or takes rows of them.
NOT_FOR_WEIGHTS = {"I8", "I16", "I32", "I64", "F64"}
# F32 is what converters write. F16 and BF16 work on some backends; blocks work on none.
ELEMENT_WISE_TYPES = {"F32", "F16", "BF16"}
_WEIGHTS = re.compile(
    r"(token_embd|output|cls|cls\.output"
    r"|blk\.\d+\.(attn_(q|k|v|qkv|output|gate|q_a|q_b|kv_a_mqa|kv_b|k_b|v_b)|ffn_(gate_up|gate|up|down)(_exps|_shexp)?"
    r"|ffn_gate_inp|ssm_(in|out|x|dt|alpha|beta|beta_alpha)|shortconv\.(in_proj|out_proj)))\.weight"
)
_ELEMENT_WISE = re.compile(r"(blk\.\d+\.)?([a-z_0-9]*norm(_\d)?\.weight|[a-z_0-9.]+\.bias|blk\.\d+\.ssm_d)")
# State kernels of every backend read these as F32, and assert it.
_STATE = re.compile(r"blk\.\d+\.((ssm_conv1d|shortconv\.conv)\.weight|ssm_a)")
MAPPED_ALIGNMENT = 32  # of addresses into the mapped file, by llama.cpp's processor backend
# Layers of these either attend or keep a state; the tensors of both are optional to llama.cpp.
GATED_DELTA_NET = {"qwen35", "qwen35moe", "qwen3next"}
MIXERS = ("attn_q.weight", "attn_qkv.weight", "ssm_in.weight")


def check_tensors(header: GgufHeader) -> None:
    """Raise InvalidModelFileError for tensors that no backend can compute with. Pure."""
    if header.data_offset % MAPPED_ALIGNMENT:
        raise invalid(header.path, f"its tensors start at byte {header.data_offset}, not at a multiple of 32")
    for tensor in header.tensors:
        if _is_unusable(tensor):
            raise invalid(
                header.path, f"its tensor {tensor.name!r} is stored as {tensor.type.name}, which is for other uses"
            )
    if header.text("general.architecture") in GATED_DELTA_NET:
        _check_mixers(header)


def _is_unusable(tensor: TensorInfo) -> bool:
    kind = tensor.type.name
    if kind in OF_ACTIVATIONS:
        return True
    if kind != "F32" and _STATE.fullmatch(tensor.name):
        return True
    if kind in NOT_FOR_WEIGHTS and _WEIGHTS.fullmatch(tensor.name):
        return True
    return kind not in ELEMENT_WISE_TYPES and _ELEMENT_WISE.fullmatch(tensor.name) is not None


def _check_mixers(header: GgufHeader) -> None:
    names = {tensor.name for tensor in header.tensors}
    for layer in range(header.integer(f"{header.text('general.architecture')}.block_count") or 0):
        if f"blk.{layer}.attn_norm.weight" in names and not any(f"blk.{layer}.{name}" in names for name in MIXERS):
            raise invalid(header.path, f"its layer {layer} has neither attention nor a state")

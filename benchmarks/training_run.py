"""Training steps of randomly initialised models: a plan in JSON on each line of stdin, its peak memory on stdout.

Each plan runs in a fork of its own, for a peak belongs to a process; torch and the rest are imported once, before.
`training_memory.py` starts it.
"""

import ctypes
import gc
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any, cast

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM  # noqa: E402

BLOCK = 32  # of Q8_0
STEPS = 2
TINY = {"num_hidden_layers": 1, "intermediate_size": 64, "vocab_size": 64}
ARENA_MAX, MMAP_THRESHOLD = -8, -3  # of mallopt
MAPPED_BYTES = 128 * 1024


def memory(key: str) -> int:
    """A size from /proc/self/status, in bytes: "VmRSS" now, "VmHWM" at its peak."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def return_freed_memory() -> None:
    """Let glibc map what is larger than 128 KiB by itself, so that it is gone when freed, and keep one heap.

    That is the bound it begins with; left alone it raises it to 32 MiB, and gives the backward's thread a heap of its
    own: then heaps with holes hold up to twice what is in use.
    """
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(ARENA_MAX, 1)
    libc.mallopt(MMAP_THRESHOLD, MAPPED_BYTES)


def forget_peak() -> None:
    """Give freed memory back and let the peak begin here (Linux)."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


class _Packed(torch.autograd.Function):
    """x @ W.T with W in Q8_0 blocks, unpacked for the product and again for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, scales: Tensor) -> Tensor:
        ctx.save_for_backward(values, scales)
        return functional.linear(x, unpack(values, scales))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0] @ unpack(*ctx.saved_tensors), None, None


def unpack(values: Tensor, scales: Tensor) -> Tensor:
    """[rows, columns] int8 and [rows, columns / 32] f16 -> [rows, columns] f32."""
    wide = values.float()
    wide.view(*scales.shape, BLOCK).mul_(scales.float().unsqueeze(-1))
    return wide


def pack(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The blocks of Q8_0: int8 values and one f16 scale for each 32 of a row."""
    blocks = weight.detach().view(weight.shape[0], -1, BLOCK)
    scales = blocks.abs().amax(-1) / 127
    values = (blocks / scales.clamp(min=1e-8).unsqueeze(-1)).round().to(torch.int8)
    return values.view(weight.shape), scales.half()


class PackedLinear(nn.Linear):
    """A frozen linear layer in Q8_0 blocks, which peft adapts as it does any nn.Linear."""

    def __init__(self, values: Tensor, scales: Tensor) -> None:
        super().__init__(1, 1, bias=False)
        self.out_features, self.in_features = values.shape
        self.weight = nn.Parameter(values, requires_grad=False)
        self.register_buffer("scales", scales)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (nn.Linear's name for it)
        """[..., inputs] -> [..., outputs]."""
        return cast("Tensor", _Packed.apply(input, self.weight, self.scales))


class PackedEmbedding(nn.Module):
    """A frozen embedding in Q8_0 blocks: only the rows that are looked up are unpacked."""

    def __init__(self, values: Tensor, scales: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", values)
        self.register_buffer("scales", scales)

    def forward(self, ids: Tensor) -> Tensor:
        """[batch, tokens] -> [batch, tokens, hidden]."""
        flat = ids.reshape(-1)
        weight, scales = cast("Tensor", self.weight), cast("Tensor", self.scales)
        return unpack(weight[flat], scales[flat]).view(*ids.shape, -1)


def pack_model(model: Any) -> None:
    """Replace every matrix by its blocks; embedding and head share theirs."""
    blocks = pack(model.model.embed_tokens.weight)
    model.lm_head, model.model.embed_tokens = PackedLinear(*blocks), PackedEmbedding(*blocks)
    for layer in model.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for name, module in list(part.named_children()):
                if isinstance(module, nn.Linear):
                    setattr(part, name, PackedLinear(*pack(module.weight)))


def build(plan: dict[str, Any]) -> Any:
    """The model with what is to be trained, ready for its first step."""
    shape = dict(plan["shape"])
    kind = shape.pop("architecture")
    config_type: Any = LlamaConfig if kind == "llama" else Qwen3Config
    model_type: Any = LlamaForCausalLM if kind == "llama" else Qwen3ForCausalLM
    torch.set_default_dtype(torch.bfloat16 if plan["base"] == "bf16" else torch.float32)
    config = config_type(**shape, use_cache=False, attn_implementation="sdpa", tie_word_embeddings=True)
    model: Any = model_type(config)
    torch.set_default_dtype(torch.float32)
    if plan["base"] == "packed":
        pack_model(model)
    if plan["checkpointing"]:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if not plan["full"]:
            model.enable_input_require_grads()
    if not plan["full"]:
        adapter = LoraConfig(r=plan["rank"], lora_alpha=32, target_modules=list(plan["target_modules"]))
        model = get_peft_model(model, adapter)
    return model.train()


def loss_of(model: Any, ids: Tensor, plan: dict[str, Any]) -> Tensor:
    """Loss over all positions, or over the last `trained_tokens` of the batch, in chunks where asked for."""
    if plan["trained_tokens"] is None:
        return model(input_ids=ids, labels=ids).loss
    causal = model if plan["full"] else model.base_model.model
    hidden = causal.model(input_ids=ids).last_hidden_state.flatten(0, 1)[-plan["trained_tokens"] :]
    targets = ids.flatten()[-plan["trained_tokens"] :]
    chunk = plan["logits_chunk_tokens"] or len(targets)

    def part(rows: Tensor, wanted: Tensor) -> Tensor:
        return functional.cross_entropy(causal.lm_head(rows).float(), wanted, reduction="sum")

    if chunk >= len(targets):
        return part(hidden, targets) / len(targets)
    pieces = zip(hidden.split(chunk), targets.split(chunk), strict=True)
    parts = [checkpoint(part, rows, wanted, use_reentrant=False) for rows, wanted in pieces]
    return cast("Tensor", sum(parts[1:], parts[0])) / len(targets)


def train(plan: dict[str, Any]) -> dict[str, Any]:
    """Train in this process: the peak over the warm process without a model, and seconds of the fastest step."""
    if not plan["memory_kept"]:
        return_freed_memory()
    torch.set_num_threads(plan["threads"])
    # Once in small: a fork has few of the libraries' pages before it uses them.
    steps(plan | {"shape": plan["shape"] | TINY, "micro_batch": 1, "sequence_tokens": 16, "trained_tokens": None})
    forget_peak()
    bare = memory("VmRSS")
    seconds = steps(plan)
    return {"bare_bytes": bare, "peak_bytes": memory("VmHWM") - bare, "seconds": seconds}


def steps(plan: dict[str, Any]) -> float:
    """Build a model and train it; the peak begins when it is built. Seconds of the fastest step."""
    model = build(plan)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    forget_peak()
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        ids = torch.randint(0, plan["shape"]["vocab_size"], (plan["micro_batch"], plan["sequence_tokens"]))
        loss_of(model, ids, plan).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> int:
    """Answer plan after plan; the exit status of the first that fails, else 0."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            print(json.dumps(train(json.loads(line))), flush=True)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())

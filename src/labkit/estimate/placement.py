"""Where a model goes on a machine, whether it fits there, and how fast that is.

Tried in order of speed: whole on an accelerator, whole in system memory, then with a smaller cache, with less
context, with the experts of a mixture in system memory, and split by layers.
"""

from dataclasses import dataclass, replace
from typing import Literal

from labkit.estimate.devices import pipeline_bytes
from labkit.estimate.machine import Device, Machine
from labkit.estimate.memory import (
    ContextSettings,
    cache_bytes,
    compute_bytes,
    loses_flash_attention,
    output_bytes,
)
from labkit.estimate.partial import (
    ALL_LAYERS,
    EnginePlan,
    fewest_experts_in_ram,
    layers_of,
    most_layers,
    spread,
)
from labkit.estimate.predict import predict_prefill
from labkit.estimate.speed import (
    AnyReading,
    Reading,
    Speed,
    bandwidth_confidence,
    calibrated_reading,
    cpu_constants,
    decode_speed,
    gpu_constants,
)
from labkit.estimate.weights import Weights
from labkit.estimate.work import TokenWork, token_work
from labkit.model import ModelArchitecture
from labkit.units import MIB, render_bytes

Fit = Literal["fits", "fits with q8_0 cache", "fits at less context", "experts in RAM", "split", "no"]

MARGIN_SHARE = 0.03
MARGIN_BYTES = 512 * MIB
GPU_CONTEXT_BYTES = 457 * MIB  # of one CUDA device, per Ollama
LEAST_CONTEXT_TOKENS = 4096
LEAST_GPU_SHARE = 0.1
MIXTURE_OVERHEAD = 2.0  # choosing experts costs time in each layer: 160 against 95 us on an M2 Ultra
ON_CPU = "CPU"
PROMPT_TOKENS = 512


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes a model needs: `low` adds up what is exact, `high` also the bounds, `required` also what is left free.

    Attributes:
        weight_bytes: (low, high).
        cache_bytes: KV cache and recurrent state, exact for the shape.
        compute_bytes: upper bound of the compute buffer.
        reserve_bytes: context of the device, and the margin left free.
    """

    weight_bytes: tuple[int, int]
    cache_bytes: int
    compute_bytes: int
    reserve_bytes: int

    @property
    def low(self) -> int:
        """What is certain: the least weights and the cache."""
        return self.weight_bytes[0] + self.cache_bytes

    @property
    def high(self) -> int:
        """What it may take: everything at its bound."""
        return self.weight_bytes[1] + self.cache_bytes + self.compute_bytes

    @property
    def required(self) -> int:
        """What must be free for it to fit."""
        return self.high + self.reserve_bytes


@dataclass(frozen=True, slots=True)
class Placement:
    """A model on a machine.

    Attributes:
        device: "CPU", the name of the accelerator, or both.
        context: the context it fits with.
        memory: on `device`; whole, also when it is split.
        ram_bytes: of a model in two memories, the part in system memory.
        plan: what an engine must be told to do it; None when it does not fit.
        speed: None when the machine's bandwidth is not known.
        most_speed: tokens per second that it cannot exceed, where one of two memories has no known speed: what is read
            from the other alone takes that long. None where `speed` says all, or nothing is known.
        prefill: of a prompt of 512 tokens; None when it is not known, or the model lies in two memories.
        reason: in words, why this and not better, or why not at all.
    """

    fit: Fit
    device: str
    context: ContextSettings
    memory: MemoryEstimate
    budget_bytes: int
    speed: Speed | None
    reason: str = ""
    ram_bytes: int = 0
    plan: EnginePlan | None = None
    prefill: Speed | None = None
    most_speed: float | None = None


def estimate_memory(
    architecture: ModelArchitecture, weights: Weights, context: ContextSettings, *, on_gpu: bool = False
) -> MemoryEstimate | None:
    """Memory for a model held by one device. Pure. None when its shape is not known: see `missing_facts`."""
    if architecture.layers is None:
        return None
    compute = compute_bytes(architecture, context, on_accelerator=on_gpu)
    if compute is None:
        return None
    if not on_gpu:
        compute += output_bytes(architecture, context)
    cache = cache_bytes(architecture.layers, context)
    moved = weights.host_bytes if on_gpu else 0
    low, high = (size - moved for size in weights.size_bytes)
    margin = max(round((high + cache) * MARGIN_SHARE), MARGIN_BYTES)
    return MemoryEstimate((low, high), cache, compute, margin)


def place(
    architecture: ModelArchitecture, weights: Weights, machine: Machine, context: ContextSettings
) -> Placement | None:
    """The best place for a model. Pure.

    None when the shape of the model is not known (`missing_facts` says why); a placement whose
    `fit` is "no" when it is known and does not fit.
    """
    planner = _Planner(architecture, weights, machine)
    if estimate_memory(architecture, weights, context) is None:
        return None
    for found in planner.attempts(context):
        if found is not None:
            return found
    return planner.refusal(context)


@dataclass(frozen=True, slots=True)
class _Planner:
    architecture: ModelArchitecture
    weights: Weights
    machine: Machine

    def attempts(self, context: ContextSettings):
        smaller_cache = replace(context, kv_type="q8_0")
        shorter = _shorter(context)
        for device in self.machine.devices:
            yield self.whole(device, context, "fits")
        for device in self.machine.devices:
            yield self.whole(device, smaller_cache, "fits with q8_0 cache")
        for device in self.machine.devices:
            yield self.experts_in_ram(device, context)
        yield self.spread(context)
        if self.machine.devices:
            yield from (self.whole(self.machine.devices[0], less, "fits at less context") for less in shorter)
            yield self.split(self.machine.devices[0], context)
        yield self.whole(None, context, "fits")
        yield self.whole(None, smaller_cache, "fits with q8_0 cache")
        yield from (self.whole(None, less, "fits at less context") for less in shorter)

    def whole(self, device: Device | None, context: ContextSettings, fit: Fit) -> Placement | None:
        """All of the model on one device (None: in system memory)."""
        budget = device.budget_bytes if device else self.machine.ram_budget_bytes
        memory = self._memory(device, context)
        if budget is None or memory.required > budget:
            return None
        layers = self.architecture.num_layers or 0
        work = token_work(self.architecture, self.weights)
        reading = self._reading(device, self.weights.bytes_per_token, memory.cache_bytes, layers, work, context)
        speed = decode_speed((reading,)) if reading else None
        name = device.name if device else ON_CPU
        reasons = [f"{render_bytes(budget)} on {name} do not hold what was asked for"] if fit != "fits" else []
        if device is None and self.machine.devices:
            reasons.append(f"it does not fit on {self.machine.devices[0].name}")
        plan = EnginePlan(context.context_tokens, context.kv_type, gpu_layers=ALL_LAYERS if device else 0)
        prefill = predict_prefill(self.architecture, self.weights, self.machine, PROMPT_TOKENS, device=device)
        return Placement(fit, name, context, memory, budget, speed, ", ".join(reasons), plan=plan, prefill=prefill)

    def spread(self, context: ContextSettings) -> Placement | None:
        """All of the model on several unlike accelerators together, dealt out by their free memory."""
        devices = [device for device in self.machine.devices if not device.unified]
        if len(devices) < 2:
            return None
        found = [self._pipelined(self._memory(device, context), context) for device in devices]
        free = [device.budget_bytes for device in devices]
        rooms = [size - memory.compute_bytes - memory.reserve_bytes for size, memory in zip(free, found, strict=True)]
        held = spread(self.architecture, layers_of(self.architecture, self.weights), context, free, rooms)
        if held is None:
            return None
        shares = [size / sum(held) for size in held]
        readings = [self._share(device, share, context) for device, share in zip(devices, shares, strict=True)]
        speed = decode_speed(tuple(filter(None, readings))) if all(readings) else None
        memory = replace(
            found[0],
            compute_bytes=sum(memory.compute_bytes for memory in found),
            reserve_bytes=sum(memory.reserve_bytes for memory in found),
        )
        plan = EnginePlan(context.context_tokens, context.kv_type, tensor_split=tuple(float(size) for size in free))
        names = " + ".join(device.name for device in devices)
        return Placement("fits", names, context, memory, sum(free), speed, f"it takes {names} together", plan=plan)

    def experts_in_ram(self, device: Device, context: ContextSettings) -> Placement | None:
        """Attention and cache on the accelerator, and of a mixture as many layers' experts as there is room for."""
        ram, layers = self.machine.ram_budget_bytes, self.architecture.num_layers
        if not self.weights.expert_bytes or ram is None or not layers or device.unified:
            return None
        whole = self._memory(device, context)
        room = device.budget_bytes - whole.compute_bytes - whole.reserve_bytes
        part = fewest_experts_in_ram(self.architecture, layers_of(self.architecture, self.weights), context, room)
        if part is None or part.ram_bytes + MARGIN_BYTES > ram:
            return None
        size = part.device_bytes - part.cache_bytes
        memory = replace(whole, weight_bytes=(size, size))
        moved = part.num / layers
        used = round(self._used_expert_bytes() * moved)
        on_gpu = tuple(max(read - used, 0) for read in self.weights.bytes_per_token)
        work = token_work(self.architecture, self.weights)
        rest_work, expert_work = _without_moved_experts(work, moved) if work else (None, None)
        gpu = self._reading(device, (on_gpu[0], on_gpu[1]), memory.cache_bytes, layers, rest_work, context)
        cpu = self._reading(None, (used, used), 0, part.num, expert_work, context)
        speed, most = _together(gpu, cpu)
        reason = f"the experts of {part.num} of {layers} layers, {render_bytes(part.ram_bytes)}, stay in system memory"
        name = f"{device.name} + {ON_CPU}"
        plan = EnginePlan(context.context_tokens, context.kv_type, expert_layers_in_ram=part.num)
        budget = device.budget_bytes
        return Placement(
            "experts in RAM", name, context, memory, budget, speed, reason, part.ram_bytes, plan, most_speed=most
        )

    def split(self, device: Device, context: ContextSettings) -> Placement | None:
        """As many layers as fit on the accelerator, the others in system memory."""
        ram, layers = self.machine.ram_budget_bytes, self.architecture.num_layers or 0
        memory = self._in_two_memories(device, context)
        room = device.budget_bytes - memory.compute_bytes - memory.reserve_bytes
        part = most_layers(self.architecture, layers_of(self.architecture, self.weights), context, room)
        total = part.device_bytes + part.ram_bytes
        share = part.device_bytes / total if total else 0.0
        needed = part.ram_bytes + memory.compute_bytes + MARGIN_BYTES
        if ram is None or device.unified or share < LEAST_GPU_SHARE or needed > ram:
            return None
        gpu, cpu = self._share(device, share, context), self._share(None, 1 - share, context)
        speed, most = _together(gpu, cpu)
        reason = f"{part.num} of {layers + 1} layers fit on {device.name}, the rest stays in system memory"
        plan = EnginePlan(context.context_tokens, context.kv_type, gpu_layers=part.num)
        budget, name = device.budget_bytes + ram, f"{device.name} + {ON_CPU}"
        return Placement("split", name, context, memory, budget, speed, reason, part.ram_bytes, plan, most_speed=most)

    def _share(self, device: Device | None, share: float, context: ContextSettings) -> AnyReading | None:
        """Reading a share of the model from one device (None: from system memory)."""
        weights, cache = self.weights.bytes_per_token, self._memory(device, context).cache_bytes
        work = token_work(self.architecture, self.weights)
        read = (round(weights[0] * share), round(weights[1] * share))
        layers = round((self.architecture.num_layers or 0) * share)
        return self._reading(device, read, round(cache * share), layers, work.scaled(share) if work else None, context)

    def refusal(self, context: ContextSettings) -> Placement:
        least = replace(context, context_tokens=min(context.context_tokens, LEAST_CONTEXT_TOKENS), kv_type="q8_0")
        memory = self._memory(None, least)
        budgets = [device.budget_bytes for device in self.machine.devices] + [self.machine.ram_budget_bytes or 0]
        largest = max(budgets)
        reason = (
            f"needs {render_bytes(memory.required)} even with {least.context_tokens} tokens of context, "
            f"{render_bytes(largest)} are there"
        )
        return Placement("no", ON_CPU, least, memory, largest, None, reason)

    def _memory(self, device: Device | None, context: ContextSettings) -> MemoryEstimate:
        found = estimate_memory(self.architecture, self.weights, context, on_gpu=device is not None)
        if found is None:
            raise AssertionError("place() asks for the shape first")
        if device is None:
            return found
        # Each of several equal cards has its own compute buffer and context.
        context_bytes = 0 if device.unified else GPU_CONTEXT_BYTES * device.count
        if device.count > 1:
            found = self._pipelined(found, context)
        return replace(
            found,
            compute_bytes=found.compute_bytes * device.count,
            reserve_bytes=found.reserve_bytes + context_bytes,
        )

    def _pipelined(self, memory: MemoryEstimate, context: ContextSettings) -> MemoryEstimate:
        return replace(memory, compute_bytes=memory.compute_bytes + pipeline_bytes(self.architecture, context))

    def _in_two_memories(self, device: Device, context: ContextSettings) -> MemoryEstimate:
        """As `_memory`, when layers lie on `device` and in system memory."""
        found = self._memory(device, context)
        if loses_flash_attention(self.architecture):
            without = compute_bytes(self.architecture, replace(context, flash_attention=False), on_accelerator=True)
            found = replace(found, compute_bytes=max(found.compute_bytes, (without or 0) * device.count))
        return found

    def _used_expert_bytes(self) -> int:
        experts = self.architecture.experts
        return self.weights.expert_bytes * experts.num_used // experts.num_experts if experts else 0

    def _reading(
        self,
        device: Device | None,
        weight_bytes: tuple[int, int],
        cache: int,
        num_layers: int,
        work: TokenWork | None,
        context: ContextSettings,
    ) -> AnyReading | None:
        measured = calibrated_reading(work, (device or self.machine).calibration, context)
        if measured is not None:
            return measured
        found = gpu_constants(device) if device else cpu_constants(self.machine)
        if found is None:
            return None
        bandwidth, constants = found
        if self.architecture.experts is not None:
            slow = constants.seconds_per_layer[1] * MIXTURE_OVERHEAD
            constants = replace(constants, seconds_per_layer=(constants.seconds_per_layer[0], slow))
        confidence = bandwidth_confidence(self.machine, device)
        return Reading(weight_bytes, cache, num_layers, bandwidth, constants, confidence)


def _together(gpu: AnyReading | None, cpu: AnyReading | None) -> tuple[Speed | None, float | None]:
    """The speed of a model in two memories, and where only one of them has a known speed, what that one allows."""
    if gpu and cpu:
        return decode_speed((gpu, cpu)), None
    known = gpu or cpu
    return None, decode_speed((known,)).high if known else None


def _without_moved_experts(work: TokenWork, moved: float) -> tuple[TokenWork, TokenWork]:
    """What stays on the accelerator when that share of the experts does not, and the rest."""
    here = replace(
        work,
        expert_bytes={name: size * (1 - moved) for name, size in work.expert_bytes.items()},
        all_expert_bytes=work.all_expert_bytes * (1 - moved),
        expert_layers=work.expert_layers * (1 - moved),
    )
    return here, work.experts_only().scaled(moved)


def _shorter(context: ContextSettings) -> list[ContextSettings]:
    """Ever smaller contexts, half by half, down to the least that is useful."""
    sizes = []
    tokens = context.context_tokens // 2
    while tokens >= LEAST_CONTEXT_TOKENS:
        sizes.append(tokens)
        tokens //= 2
    return [replace(context, context_tokens=tokens, kv_type="q8_0") for tokens in sizes]

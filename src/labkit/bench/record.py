"""One row of a core benchmark: llama-bench's fields under llama-bench's names, ours under `labkit_`."""

from dataclasses import dataclass
from typing import Any

from labkit.bench.statistics import mean, sample_deviation
from labkit.estimate import Speed


@dataclass(frozen=True, slots=True)
class CoreTest:
    """What is measured: a prompt of `num_prompt` tokens, then `num_generated` tokens, behind `depth` others."""

    num_prompt: int
    num_generated: int
    depth: int = 0

    @property
    def name(self) -> str:
        """llama-bench's name: "pp512", "tg128", "pp512+tg128", with " @ d4096" behind a depth."""
        parts = [f"pp{self.num_prompt}"] if self.num_prompt else []
        parts += [f"tg{self.num_generated}"] if self.num_generated else []
        return "+".join(parts) + (f" @ d{self.depth}" if self.depth else "")

    @property
    def num_tokens(self) -> int:
        """Tokens that count."""
        return self.num_prompt + self.num_generated


@dataclass(frozen=True, slots=True)
class CoreFacts:
    """What every row of a run has in common. Sizes in bytes, counts as llama.cpp counts them."""

    build_commit: str
    build_number: int
    cpu_info: str
    gpu_info: str
    backends: str
    model_filename: str
    model_type: str
    model_size: int
    model_n_params: int
    n_batch: int
    n_ubatch: int
    n_threads: int
    n_gpu_layers: int
    labkit_version: str
    labkit_core_version: str


@dataclass(frozen=True, slots=True)
class BandwidthShare:
    """How much of the measured memory bandwidth a figure amounts to.

    Attributes:
        bytes_moved: weights and KV cache that one repetition has to read, in bytes.
        bytes_per_second: that, over the mean time of a repetition.
        measured_bytes_per_second: what reading memory reached on this machine; None when it was not measured.
        fits_cache: the weights fit the processor's last-level cache, so a share above 1 is no contradiction.
    """

    bytes_moved: int
    bytes_per_second: float
    measured_bytes_per_second: float | None
    fits_cache: bool

    @property
    def share(self) -> float | None:
        """0.8 means 80 % of the measured bandwidth."""
        limit = self.measured_bytes_per_second
        return self.bytes_per_second / limit if limit else None


@dataclass(frozen=True, slots=True)
class CoreRecord:
    """A finished test. `samples_ns` has one time per repetition; `predicted` is None where nothing can be said."""

    facts: CoreFacts
    test: CoreTest
    test_time: str
    samples_ns: tuple[int, ...]
    bandwidth: BandwidthShare
    predicted: Speed | None = None

    @property
    def samples_per_second(self) -> tuple[float, ...]:
        """Tokens per second of each repetition."""
        return tuple(1e9 * self.test.num_tokens / sample for sample in self.samples_ns)

    @property
    def tokens_per_second(self) -> float:
        """Mean of the repetitions' rates (not all tokens over all time: llama-bench's definition)."""
        return mean(self.samples_per_second)

    @property
    def deviation(self) -> float:
        """Sample standard deviation of the rates."""
        return sample_deviation(self.samples_per_second)

    def as_row(self) -> dict[str, Any]:
        """All fields in llama-bench's order, then `samples_*`, then ours."""
        facts = self.facts
        return {
            "build_commit": facts.build_commit,
            "build_number": facts.build_number,
            "cpu_info": facts.cpu_info,
            "gpu_info": facts.gpu_info,
            "backends": facts.backends,
            "model_filename": facts.model_filename,
            "model_type": facts.model_type,
            "model_size": facts.model_size,
            "model_n_params": facts.model_n_params,
            "n_batch": facts.n_batch,
            "n_ubatch": facts.n_ubatch,
            "n_threads": facts.n_threads,
            **_UNSET,
            "n_gpu_layers": facts.n_gpu_layers,
            **_DEFAULTS,
            "n_prompt": self.test.num_prompt,
            "n_gen": self.test.num_generated,
            "n_depth": self.test.depth,
            "test_time": self.test_time,
            "avg_ns": round(mean(self.samples_ns)),
            "stddev_ns": round(sample_deviation(self.samples_ns)),
            "avg_ts": self.tokens_per_second,
            "stddev_ts": self.deviation,
            "samples_ns": list(self.samples_ns),
            "samples_ts": list(self.samples_per_second),
            "labkit_version": facts.labkit_version,
            "labkit_core_version": facts.labkit_core_version,
            "labkit_bytes_moved": self.bandwidth.bytes_moved,
            "labkit_bytes_per_second": self.bandwidth.bytes_per_second,
            "labkit_measured_bandwidth": self.bandwidth.measured_bytes_per_second,
            "labkit_bandwidth_share": self.bandwidth.share,
            "labkit_fits_cache": self.bandwidth.fits_cache,
            **self._prediction_row(),
        }

    def _prediction_row(self) -> dict[str, Any]:
        found = self.predicted
        return {
            "labkit_predicted_ts": found.middle if found else None,
            "labkit_predicted_low_ts": found.low if found else None,
            "labkit_predicted_high_ts": found.high if found else None,
            "labkit_prediction": found.confidence if found else "unknown",
        }


# llama-bench settings that labkit leaves at llama.cpp's defaults, with the values llama-bench prints for them.
_UNSET = {"cpu_mask": "0x0", "cpu_strict": False, "poll": 50, "type_k": "f16", "type_v": "f16"}
_DEFAULTS = {
    "n_cpu_moe": 0,
    "split_mode": "layer",
    "main_gpu": 0,
    "no_kv_offload": False,
    "flash_attn": -1,
    "devices": "auto",
    "tensor_split": "0.00",
    "tensor_buft_overrides": "none",
    "load_mode": "auto",
    "lazy_mode": "auto",
    "embeddings": False,
    "no_op_offload": 0,
    "no_host": False,
    "repack": True,
    "fit_target": 0,
    "fit_min_ctx": 0,
}

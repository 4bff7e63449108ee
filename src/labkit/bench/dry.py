"""How fast would this model be here? A file of its exact shape, with random weights, answers before the download."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.bench.synthetic_shapes import synthetic_shape, with_reference_models
from labkit.catalog import CatalogModel, architecture, load_catalog
from labkit.engine.synthetic import FORMAT_VERSION, SyntheticPlan, plan_synthetic, write_synthetic
from labkit.engine.synthetic.writer import Progress
from labkit.estimate import ContextSettings, Machine, Weights, require_memory, weights_of_catalog
from labkit.settings import Settings

DEFAULT_QUANTIZATION = "Q4_K_M"
NATIVE_QUANTIZATIONS = {"gpt-oss": "MXFP4"}  # what such models were trained in, and all their files are


@dataclass(frozen=True, slots=True)
class DryModel:
    """A catalogue model that is imitated, and where its file is or will be."""

    model: CatalogModel
    plan: SyntheticPlan
    path: Path

    @property
    def is_written(self) -> bool:
        """Whether an earlier run left the file. Files appear whole or not at all."""
        return self.path.is_file()

    @property
    def size_error(self) -> float | None:
        """Tensor bytes over what the estimator predicts, minus 1; within its range it is 0. None without a figure."""
        predicted = weights_of_catalog(self.model, self.plan.quantization)
        if predicted is None:
            return None
        low, high = predicted.size_bytes
        nearest = min(max(self.plan.weight_bytes, low), high)
        return self.plan.weight_bytes / nearest - 1


def find_dry_model(name: str, settings: Settings) -> DryModel:
    """The model that "MODEL" or "MODEL:QUANTIZATION" means. Reads the catalogue, writes nothing.

    Without a quantization it is Q4_K_M, of gpt-oss MXFP4.
    Raises ModelNotFoundError with near names, InputError for an unknown quantization or a model that cannot be
    imitated.
    """
    model_id, _, quantization = name.partition(":")
    model = with_reference_models(load_catalog(settings.catalog_folder)).get(model_id)
    default = NATIVE_QUANTIZATIONS.get(model.family, DEFAULT_QUANTIZATION)
    plan = plan_synthetic(synthetic_shape(model), quantization.upper() or default)
    return DryModel(model, plan, settings.synthetic_folder / _file_name(plan))


def require_fit(dry: DryModel, machine: Machine, context: ContextSettings) -> None:
    """Raise InsufficientMemoryError, with figures, when the model with this context does not fit. Pure."""
    size = dry.plan.weight_bytes
    weights = Weights(dry.plan.quantization, (size, size), (size, size), 0, 0, "dry run on these shapes")
    require_memory(dry.model.id, architecture(dry.model), weights, machine, context)


def write_dry_model(dry: DryModel, on_progress: Progress = lambda _done, _total: None) -> Path:
    """Write the file unless an earlier run left it, and return its path. Blocks; seconds for each GB.

    Raises DataFolderError when the disk has no room or cannot be written.
    """
    return dry.path if dry.is_written else write_synthetic(dry.plan, dry.path, on_progress=on_progress)


def _file_name(plan: SyntheticPlan) -> str:
    # Sizes that a model does not have are left out, so a new kind of size makes no old file useless.
    sizes = {name: value for name, value in asdict(plan.shape).items() if value}
    key = hashlib.sha256(repr((sizes, plan.quantization, FORMAT_VERSION)).encode()).hexdigest()[:8]
    return f"{plan.shape.name}-{plan.quantization}-synthetic-{key}.gguf"

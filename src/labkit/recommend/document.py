"""The answer as plain data with stable names: what `labkit recommend --json` prints.

Names say their unit: `_bytes`, `_tokens`, `_tokens_per_second`, `_bytes_per_second`. Unknown is null. A name is never
reused with another meaning; new ones may be added. `schema_version` changes when one goes.
"""

from typing import TYPE_CHECKING, Any

from labkit.catalog import Catalog, CatalogFile, find_license, uploader
from labkit.estimate import Machine, Placement
from labkit.recommend.ranking import Ranking, Recommendation

if TYPE_CHECKING:
    from labkit.recommend.explain import Explanation

SCHEMA_VERSION = 1


def ranking_document(ranking: Ranking, here: Recommendation | None, catalog: Catalog) -> dict[str, Any]:
    """Recommendations best first, the model that is here already, and what was left out, with reasons."""
    wish = ranking.wish
    rows = enumerate(ranking.recommendations, start=1)
    return {
        "schema_version": SCHEMA_VERSION,
        "catalog_as_of": ranking.catalog_as_of,
        "wish": {
            "goal": wish.goal,
            "context_tokens": wish.context_tokens,
            "slots": wish.slots,
            "least_tokens_per_second": wish.least_speed,
            "licenses": list(wish.licenses.wanted),
            "disk_bytes": wish.disk_bytes,
            "top": wish.top,
        },
        "machine": machine_document(ranking.machine),
        "recommendations": [{"rank": place} | recommendation_document(row, catalog) for place, row in rows],
        "already_here": recommendation_document(here, catalog) if here else None,
        "left_out": [{"model_id": row.model_id, "reason": row.reason, "kind": row.kind} for row in ranking.dropped],
    }


def machine_document(machine: Machine) -> dict[str, Any]:
    """Budgets and rates that were ranked for."""
    return {
        "name": machine.name,
        "ram_budget_bytes": machine.ram_budget_bytes,
        "ram_bandwidth_bytes_per_second": machine.ram_bandwidth_bytes_per_second,
        "ram_bandwidth_source": machine.ram_bandwidth_source,
        "devices": [
            {
                "name": device.name,
                "count": device.count,
                "budget_bytes": device.budget_bytes,
                "bandwidth_bytes_per_second": device.bandwidth_bytes_per_second,
                "unified": device.unified,
            }
            for device in machine.devices
        ],
        "assumptions": list(machine.assumptions),
    }


def recommendation_document(row: Recommendation, catalog: Catalog) -> dict[str, Any]:
    """One recommendation."""
    placement, memory = row.placement, row.placement.memory
    license_ = find_license(row.license)
    return {
        "model_id": row.model_id,
        "family": row.family,
        "lineage": row.lineage,
        "license": row.license,
        "license_classes": list(license_.classes) if license_ else None,
        "license_restrictions": list(license_.restrictions) if license_ else None,
        "release_date": row.release_date,
        "quantization": row.quantization,
        "file": _file(row.file, row, catalog),
        "projector": _projector(row, catalog),
        "repo": row.repo,
        "score": _score(row, catalog),
        "fit": placement.fit,
        "device": placement.device,
        "context_tokens": placement.context.context_tokens,
        "cache_type": placement.context.kv_type,
        "weights_low_bytes": memory.weight_bytes[0],
        "weights_high_bytes": memory.weight_bytes[1],
        "weights_source": row.weights.source,
        "cache_bytes": memory.cache_bytes,
        "compute_high_bytes": memory.compute_bytes,
        "reserve_bytes": memory.reserve_bytes,
        "memory_low_bytes": memory.low,
        "memory_high_bytes": memory.high,
        "memory_required_bytes": memory.required,
        "budget_bytes": placement.budget_bytes,
        "in_system_memory_bytes": placement.ram_bytes,
        "read_per_token_low_bytes": row.weights.bytes_per_token[0],
        "read_per_token_high_bytes": row.weights.bytes_per_token[1],
        **_speed(placement),
        "reasons": list(row.reasons),
    }


def explanation_document(explanation: "Explanation") -> dict[str, Any]:
    """Every term of one estimate."""
    return {
        "schema_version": SCHEMA_VERSION,
        "model_id": explanation.model_id,
        "quantization": explanation.quantization,
        "fit": explanation.placement.fit,
        "device": explanation.placement.device,
        "memory_required_bytes": explanation.placement.memory.required,
        "budget_bytes": explanation.placement.budget_bytes,
        **_speed(explanation.placement),
        "verdict": explanation.verdict,
        "terms": [
            {
                "name": term.name.strip(),
                "value": term.value,
                "how": term.how,
                "low_bytes": term.low_bytes,
                "high_bytes": term.high_bytes,
            }
            for term in explanation.terms
        ],
    }


def reasons_document(model_id: str, quantization: str | None, words: list[str]) -> dict[str, Any]:
    """The answer to `--why-not`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "model_id": model_id,
        "quantization": quantization,
        "reasons": words,
    }


def _speed(placement: Placement) -> dict[str, Any]:
    speed = placement.speed
    return {
        "speed_low_tokens_per_second": speed.low if speed else None,
        "speed_high_tokens_per_second": speed.high if speed else None,
        "speed_likely_tokens_per_second": speed.likely if speed else None,
        "speed_most_tokens_per_second": placement.most_speed,
        "speed_confidence": speed.confidence if speed else None,
    }


def _score(row: Recommendation, catalog: Catalog) -> dict[str, Any] | None:
    score = row.score
    if score is None:
        return None
    source = catalog.spell_source(score.source)
    return {"benchmark": score.benchmark, "value": score.value, "mode": score.mode, "source": source}


def _file(file: CatalogFile | None, row: Recommendation, catalog: Catalog) -> dict[str, Any] | None:
    if file is None:
        return None
    model = catalog.find(row.model_id)
    return {
        "repo": file.repo,
        "file": file.file,
        "sha256": file.sha256,
        "revision": file.revision,
        "native": file.native,
        "uploader": uploader(model, file.repo) if model else "unknown",
        "source": catalog.spell_source(file.source),
    }


def _projector(row: Recommendation, catalog: Catalog) -> dict[str, Any] | None:
    projector = row.projector
    if projector is None:
        return None
    low, high = projector.size_bytes if projector.source else (None, None)
    return (_file(projector.file, row, catalog) or {}) | {"low_bytes": low, "high_bytes": high}

"""The model that comes with labkit, on the same machine as the recommended ones."""

from labkit import store
from labkit.errors import InvalidModelFileError
from labkit.estimate import ContextSettings, Machine, place, weights_of_file
from labkit.gguf import file_facts, validate
from labkit.recommend.ranking import Recommendation
from labkit.recommend.wish import Wish


def embedded_recommendation(machine: Machine, wish: Wish) -> Recommendation | None:
    """The model that comes with labkit; None when it does not suit, fit, or cannot be read.

    Reads the header of one file.
    """
    if wish.goal in ("embedding", "vision"):
        return None
    embedded = store.embedded()
    try:
        facts = file_facts(validate(embedded.path))
    except InvalidModelFileError:
        return None
    weights = weights_of_file(facts)
    context = min(wish.context_tokens, facts.architecture.context_tokens or wish.context_tokens)
    placement = place(facts.architecture, weights, machine, ContextSettings(context))
    if placement is None or placement.fit == "no":
        return None
    reasons = ["nothing to download: it comes with labkit", "for practice and tests, no match for the others"]
    if context < wish.context_tokens:
        reasons.append(f"made for {context} tokens of context")
    return Recommendation(
        model_id=embedded.name,
        family=embedded.name,
        license=embedded.license or "unknown",
        quantization=weights.quantization,
        file=None,
        repo=None,
        release_date=None,
        weights=weights,
        placement=placement,
        score=None,
        reasons=tuple(reasons),
        lineage=embedded.name,
    )

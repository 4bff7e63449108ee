"""Times of one request that several observers tell, and what kind of request it was."""

from labkit.api.observation import Observation
from labkit.worker.messages import Complete, Embed, Generate, Rerank

# The GenAI conventions' names of operations; "rerank" is not among theirs.
_OPERATIONS = {Generate: "chat", Complete: "text_completion", Embed: "embeddings", Rerank: "rerank"}


def operation_name(observation: Observation) -> str:
    """What the model was asked to do; "" where it was only asked about itself, or never reached."""
    return _OPERATIONS.get(type(observation.operation), "")


def total_seconds(observation: Observation) -> float:
    """From the request's arrival to its end."""
    return (observation.ended or observation.started) - observation.started


def first_token_seconds(observation: Observation) -> float | None:
    """From the request's arrival to the first piece of the answer; None without one."""
    return None if observation.first_token is None else observation.first_token - observation.started


def seconds_per_token(observation: Observation) -> float | None:
    """Mean time of each token after the first; None where there are fewer than two."""
    if observation.first_token is None or observation.last_token is None or observation.num_tokens < 2:
        return None
    return (observation.last_token - observation.first_token) / (observation.num_tokens - 1)

"""Tokens from the logits of one span: one, or several where its draft turns out right."""

from labkit.engine.core.backend import Backend
from labkit.engine.core.plan import Span
from labkit.engine.stream import Sampled


def sample_span(backend: Backend, span: Span, row: int) -> Sampled:
    """Sample after the known tokens, and after each token of the draft for as long as it was right.

    Every token is drawn from the model's own logits, so the draft changes the speed and not the text. `row` is the
    batch index of the first logits. Raises LabkitError when a constraint fails.
    """
    request = span.sequence.request
    sampled = Sampled([], [])
    limit = request.max_tokens if request.max_tokens is not None else backend.sequence_tokens
    left = max(limit - span.sequence.num_generated, 1)
    for place in range(min(len(span.draft) + 1, left)):
        token, logprob = backend.sample(request.request_id, row + place)
        sampled.tokens.append(token)
        if logprob is not None:
            sampled.logprobs.append(logprob)
        if place == len(span.draft) or token != span.draft[place]:
            break
        if (backend.is_end(token) and not request.ignore_eos) or token in request.stop_token_ids:
            break
    return sampled

"""From one message to one request of the engine for each choice."""

from dataclasses import replace

from labkit.engine.types import Constraint, GenerationRequest, SamplingParams
from labkit.worker.messages import Generation


def engine_requests(
    message: Generation,
    prompt: tuple[int, ...],
    defaults: SamplingParams,
    *,
    stop: tuple[str, ...] = (),
    constraint: Constraint | None = None,
    prompt_logprobs: int | None = None,
    show_control: bool = False,
) -> list[GenerationRequest]:
    """One request for each choice, all with one prompt.

    `defaults` is the model's own sampling; `stop` and `constraint` stand for what the message asks of them, with what
    its format adds.
    """
    request = GenerationRequest(
        request_id=message.request_id,
        prompt=prompt,
        sampling=message.sampling.over(defaults),
        max_tokens=message.max_tokens,
        min_tokens=message.min_tokens,
        stop=stop,
        stop_token_ids=message.stop_token_ids,
        constraint=constraint,
        ignore_eos=message.ignore_eos,
        logprobs=message.logprobs,
        prompt_logprobs=prompt_logprobs,
        show_control=show_control,
        adapters=message.adapters,
        tenant=message.tenant,
        lane=message.lane,
        reuse=message.reuse,
    )
    if message.num_choices == 1:
        return [request]
    return [
        replace(request, request_id=f"{request.request_id}#{k}", sampling=_seeded(request.sampling, k))
        for k in range(message.num_choices)
    ]


def _seeded(sampling: SamplingParams, choice: int) -> SamplingParams:
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + choice)

"""From a raw prompt to what the engine is asked, without a template."""

from labkit.engine.native.model import NativeModel
from labkit.engine.native.tokenizer import check_tokens, fill_in_middle, prompt_tokens
from labkit.engine.types import GenerationRequest
from labkit.errors import ContextLengthExceededError, InvalidRequestError
from labkit.worker.choices import engine_requests
from labkit.worker.messages import Complete
from labkit.worker.wire import MAX_FRAME_BYTES

_BYTES_PER_ENTRY = 64
"""Of one token with its log-probability, as text on the wire."""


def completion_requests(model: NativeModel, message: Complete, *, context_tokens: int) -> list[GenerationRequest]:
    """One request for each choice, all with one prompt. Raises InvalidRequestError.

    `context_tokens` is the most one sequence may have, prompt and answer together.
    """
    prompt = _prompt(model, message)
    if not prompt:
        raise InvalidRequestError("the prompt is empty", param="prompt", hint="send at least one character or token")
    if len(prompt) + (message.max_tokens != 0) > context_tokens:
        raise ContextLengthExceededError(
            len(prompt), context_tokens, param="prompt", hint="shorten it, or serve the model with a larger --ctx"
        )
    scores = message.logprobs if message.echo else None
    if scores is not None:
        _check_size(len(prompt) * (scores + 1) * message.num_choices)
    return engine_requests(
        message,
        prompt,
        model.sampling_defaults,
        stop=message.stop,
        constraint=message.constraint,
        prompt_logprobs=scores,
    )


def _prompt(model: NativeModel, message: Complete) -> tuple[int, ...]:
    prompt = message.prompt
    if not isinstance(prompt, str):
        check_tokens(model, prompt, param="prompt")
        if message.suffix is not None:
            raise InvalidRequestError(
                "a suffix goes with a prompt of text, not of token ids", param="suffix", hint="send the prompt as text"
            )
        return prompt
    if message.suffix is not None:
        return tuple(fill_in_middle(model, prompt, message.suffix))
    return prompt_tokens(model, prompt, param="prompt")


def _check_size(num_entries: int) -> None:
    most = MAX_FRAME_BYTES // _BYTES_PER_ENTRY
    if num_entries > most:
        raise InvalidRequestError(
            f"{num_entries} log-probabilities of the prompt are more than {most}",
            param="logprobs",
            hint="ask for fewer of each token, or shorten the prompt",
        )

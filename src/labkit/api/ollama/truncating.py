"""`truncate`: inputs of embeddings cut to what the model can read, by tokens, only where a client asks for it."""

from fastapi import Request

from labkit.api.asking import reply
from labkit.api.identifiers import question_id
from labkit.worker.messages import DescribeTokenizer, Tokenize, Tokenized, TokenizerDescribed


async def truncated(
    request: Request, model: str, inputs: tuple[str, ...], context_tokens: int
) -> tuple[str | tuple[int, ...], ...]:
    """The inputs; those that are too long as their first tokens, with the closing one that the model wants."""
    long = {index for index, text in enumerate(inputs) if len(text.encode()) >= context_tokens - 1}
    if not long:
        return inputs
    described = await reply(request, model, DescribeTokenizer(question_id()))
    assert isinstance(described, TokenizerDescribed)
    num_last = 1 if described.adds_eos else 0
    cut: list[str | tuple[int, ...]] = list(inputs)
    for index in long:
        tokenized = await reply(request, model, Tokenize(question_id(), inputs[index], add_special=True))
        assert isinstance(tokenized, Tokenized)
        tokens = tokenized.tokens
        if len(tokens) > context_tokens:
            cut[index] = tokens[: context_tokens - num_last] + tokens[len(tokens) - num_last :]
    return tuple(cut)

"""A tokenizer whose tokens are characters, with token 1 (a space, to the reader) before a text that asks for it."""

from labkit.errors import InvalidRequestError
from labkit.worker.messages import LogprobEntry, TokenText
from labkit.worker.questions import (
    DescribeTokenizer,
    Detokenize,
    Detokenized,
    Question,
    Refused,
    Render,
    Rendered,
    Reply,
    Tokenize,
    Tokenized,
    TokenizerDescribed,
)
from labkit.worker.wire import describe_error

BOS = 1


def text_of(prompt) -> str:
    """Text of a prompt in either form."""
    return prompt if isinstance(prompt, str) else "".join(map(chr, prompt))


def entries(text: str, tops: int | None, logprob: float) -> tuple[LogprobEntry, ...]:
    """Log-probabilities of characters, each with its neighbours in the alphabet as alternatives."""
    found = []
    for character in text:
        number = ord(character)
        top = tuple(TokenText(chr(number + k).encode(), logprob - k, number + k) for k in range(tops or 0))
        found.append(LogprobEntry(TokenText(character.encode(), logprob, number), top))
    return tuple(found)


def reply_to(question: Question) -> Reply:
    name = question.request_id
    match question:
        case Tokenize(text="refuse me"):
            return Refused(name, describe_error(InvalidRequestError("that is no text", param="content")))
        case Tokenize():
            tokens = (BOS,) * question.add_special + tuple(map(ord, question.text))
            pieces = tuple(b"\xff" if token > 255 else bytes([token]) for token in tokens)
            return Tokenized(name, tokens, pieces if question.with_pieces else ())
        case Detokenize():
            return Detokenized(name, "".join(map(chr, question.tokens)))
        case Render():
            words = [f"{message['role']}: {message['content']}" for message in question.messages]
            words += [tool["function"]["name"] for tool in question.tools] + list(question.template_arguments)
            prompt = "\n".join(words) + ("\nassistant:" if question.add_generation_prompt else "")
            return Rendered(name, prompt, len(prompt) + 1)
        case DescribeTokenizer():
            special = {"bos": (BOS, "<s>"), "eos": (2, "</s>")}
            return TokenizerDescribed(
                name, "BPE", 1000, adds_bos=True, adds_eos=False, special_tokens=special, stop_token_ids=(2,),
                chat_template="{{ messages }}", chat_format="plain",
            )  # fmt: skip

"""Operations of the tokenizer, and those that only llama-server has."""

from functools import partial

from labkit.api.dialects import OPENAI
from labkit.api.openapi.answers.tokens import (
    ApplyTemplateAnswer,
    DetokenizeAnswer,
    InputTokensAnswer,
    NativeCompletionAnswer,
    PropsAnswer,
    TokenizeAnswer,
    TokenizerInfoAnswer,
)
from labkit.api.openapi.openai import PROMPTS, STREAM
from labkit.api.openapi.operations import WITH_MODEL, Operation
from labkit.api.schemas.completion import NativeCompletionBody
from labkit.api.schemas.fields import REFUSED_IN_NATIVE_COMPLETIONS
from labkit.api.schemas.tokens import ApplyTemplateBody, DetokenizeBody, TokenizeBody
from labkit.api.token_request import REFUSED

_operation = partial(Operation, dialect=OPENAI, tag="llama-server and vLLM", errors=WITH_MODEL)
_MODEL = {"model": {"type": "string"}}

OPERATIONS = (
    _operation(
        method="post",
        path="/tokenize",
        also=("/v1/tokenize",),
        summary="Tokens of a text, or of a conversation.",
        body=TokenizeBody,
        answer=TokenizeAnswer,
        refused=REFUSED,
    ),
    _operation(
        method="post",
        path="/detokenize",
        also=("/v1/detokenize",),
        summary="Text of tokens.",
        body=DetokenizeBody,
        answer=DetokenizeAnswer,
        refused=REFUSED,
    ),
    _operation(
        method="post",
        path="/apply-template",
        summary="A conversation as the model gets it.",
        body=ApplyTemplateBody,
        answer=ApplyTemplateAnswer,
        refused=REFUSED,
    ),
    _operation(
        method="post",
        path="/v1/chat/completions/input_tokens",
        summary="How many tokens a chat completion would read.",
        body=ApplyTemplateBody,
        answer=InputTokensAnswer,
    ),
    _operation(
        method="get",
        path="/tokenizer_info",
        summary="The tokenizer: its kind, its special tokens, its template.",
        answer=TokenizerInfoAnswer,
        query=_MODEL,
    ),
    _operation(
        method="post",
        path="/completion",
        also=("/completions",),
        summary="Go on from a text, in llama-server's words.",
        body=NativeCompletionBody,
        answer=NativeCompletionAnswer,
        other_answers=STREAM,
        by_hand={"prompt": PROMPTS},
        refused=REFUSED_IN_NATIVE_COMPLETIONS,
    ),
    _operation(
        method="get",
        path="/props",
        summary="What llama-server's clients ask before they begin.",
        answer=PropsAnswer,
        query=_MODEL,
    ),
)

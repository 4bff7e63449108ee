"""The bodies of POST /tokenize, /detokenize and /apply-template: llama-server's fields and vLLM's."""

from typing import Annotated

from pydantic import Field

from labkit.api.schemas.chat import ConversationFields, Message, TemplateFields
from labkit.api.schemas.generation import Part, TokenCount

MAX_TOKENS = 1 << 20


class TokenizeBody(TemplateFields):
    """A text under llama-server's name or under vLLM's, or a conversation; each with its own defaults.

    Attributes:
        content, add_special, parse_special, with_pieces: llama-server's.
        prompt, messages, add_special_tokens, return_token_strs: vLLM's.
    """

    model: str | None = None
    content: str | None = None
    add_special: bool | None = None
    parse_special: bool | None = None
    with_pieces: bool | None = None
    prompt: str | None = None
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    add_special_tokens: bool | None = None
    return_token_strs: bool | None = None


class DetokenizeBody(Part):
    """Token ids."""

    model: str | None = None
    tokens: Annotated[list[TokenCount], Field(max_length=MAX_TOKENS)]


class ApplyTemplateBody(ConversationFields):
    """A conversation."""

    model: str | None = None

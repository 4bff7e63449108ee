"""Questions about a model that make it compute nothing, and their answers: text, tokens, templates."""

from typing import Any

from msgspec import field

from labkit.worker.values import ErrorInfo, Message, ReasoningEffort


class Tokenize(Message, frozen=True, array_like=True, tag=True):
    """Which tokens a text has.

    Attributes:
        add_special: with the tokens the model puts around a text.
        parse_special: markers in the text are read as tokens, not as text.
        with_pieces: tell each token's bytes too.
    """

    request_id: str
    text: str
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class Detokenize(Message, frozen=True, array_like=True, tag=True):
    """Which text tokens have, markers included."""

    request_id: str
    tokens: tuple[int, ...]


class Render(Message, frozen=True, array_like=True, tag=True):
    """What a conversation becomes: the model's chat template applied, and its tokens counted. See Generate."""

    request_id: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    reasoning_effort: ReasoningEffort | None = None
    template_arguments: dict[str, Any] = field(default_factory=dict)
    continue_final: bool = False
    add_generation_prompt: bool = True


class DescribeTokenizer(Message, frozen=True, array_like=True, tag=True):
    """What kind of tokenizer the model has."""

    request_id: str


class _Reply(Message, frozen=True, array_like=True, tag=True):
    """The one answer to a question."""

    @property
    def is_last(self) -> bool:
        """It is."""
        return True


class Tokenized(_Reply, frozen=True, array_like=True, tag=True):
    """Tokens of a text; `pieces` holds each one's bytes where they were asked for."""

    request_id: str
    tokens: tuple[int, ...]
    pieces: tuple[bytes, ...] = ()


class Detokenized(_Reply, frozen=True, array_like=True, tag=True):
    """Text of tokens."""

    request_id: str
    text: str


class Rendered(_Reply, frozen=True, array_like=True, tag=True):
    """A conversation as the model gets it."""

    request_id: str
    prompt: str
    num_tokens: int


class TokenizerDescribed(_Reply, frozen=True, array_like=True, tag=True):
    """The tokenizer: llama.cpp's kind ("BPE", "SPM" ...), its special tokens by role ("bos": (1, "<s>")), the template.

    `stop_token_ids` are those that end an answer.
    """

    request_id: str
    kind: str
    vocab_size: int
    adds_bos: bool
    adds_eos: bool
    special_tokens: dict[str, tuple[int, str]]
    stop_token_ids: tuple[int, ...] = ()
    chat_template: str | None = None
    chat_format: str = ""


class Refused(_Reply, frozen=True, array_like=True, tag=True):
    """There is no answer to a question."""

    request_id: str
    error: ErrorInfo


Question = Tokenize | Detokenize | Render | DescribeTokenizer
Reply = Tokenized | Detokenized | Rendered | TokenizerDescribed | Refused

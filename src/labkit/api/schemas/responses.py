"""The body of POST /v1/responses: the fields that are honoured, with their bounds."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from labkit.api.schemas.chat import MAX_TOOLS, FunctionDefinition
from labkit.api.schemas.generation import MAX_TOP_LOGPROBS, GenerationBody, Part, TokenLimit
from labkit.worker.values import ReasoningEffort

MAX_METADATA = 16
MAX_INCLUDED = 16
_Id = Annotated[str, Field(min_length=1, max_length=256)]


TextKind = Literal["input_text", "output_text", "text", "reasoning_text", "summary_text", "refusal"]


class ContentPart(Part):
    """One part of a message; other kinds than text are refused by name before this is parsed."""

    type: TextKind
    text: str = ""
    refusal: str = ""
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class _Item(Part):
    """One item of a conversation. What an answer's items say of themselves may be sent back with them."""

    id: _Id | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


class MessageItem(_Item):
    """What somebody said."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[ContentPart]
    phase: Literal["commentary", "final_answer"] | None = None


class FunctionCallItem(_Item):
    """A call that the model made."""

    type: Literal["function_call"]
    call_id: _Id
    name: Annotated[str, Field(min_length=1)]
    namespace: str | None = None
    arguments: str


class FunctionCallOutputItem(_Item):
    """What the called function gave."""

    type: Literal["function_call_output"]
    call_id: _Id
    output: str | list[ContentPart]


class ReasoningItem(_Item):
    """What the model thought."""

    type: Literal["reasoning"]
    summary: list[ContentPart] | None = None
    content: list[ContentPart] | None = None
    encrypted_content: str | None = None


class ItemReference(Part):
    """An item of an earlier, stored response, by its id."""

    type: Literal["item_reference"] | None = "item_reference"
    id: _Id


# Capital letters: what pydantic puts into a location must not look like a field's name.
_TAGS = {
    "message": "Message",
    "function_call": "Call",
    "function_call_output": "Output",
    "reasoning": "Reasoning",
    "item_reference": "Reference",
}
ITEM_TYPES = frozenset(_TAGS)


def item_type(item: object) -> str:
    """The type of an item as clients write it: a message may go without, and so may a reference."""
    given = item.get("type") if isinstance(item, Mapping) else getattr(item, "type", None)
    if given is None:
        has_role, has_id = (
            name in item if isinstance(item, Mapping) else hasattr(item, name) for name in ("role", "id")
        )
        return "message" if has_role or not has_id else "item_reference"
    return str(given)


def _tag(item: object) -> str:
    return _TAGS.get(item_type(item), "Message")


InputItem = Annotated[
    Annotated[MessageItem, Tag("Message")]
    | Annotated[FunctionCallItem, Tag("Call")]
    | Annotated[FunctionCallOutputItem, Tag("Output")]
    | Annotated[ReasoningItem, Tag("Reasoning")]
    | Annotated[ItemReference, Tag("Reference")],
    Discriminator(_tag),
]


class FlatTool(FunctionDefinition):
    """A function the model may call; tools of other kinds are taken out before this is parsed."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
    type: Literal["function"]


class NamedFlatTool(Part):
    """A tool by its name."""

    type: Literal["function"] = "function"
    name: Annotated[str, Field(min_length=1)]


class AllowedFlatTools(Part):
    """tool_choice that narrows the tools down."""

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedFlatTool], Field(min_length=1, max_length=MAX_TOOLS)]


def _choice_tag(choice: object) -> str:
    if isinstance(choice, str):
        return "Word"
    kind = choice.get("type") if isinstance(choice, Mapping) else getattr(choice, "type", None)
    return "Allowed" if kind == "allowed_tools" else "Named"


FlatToolChoice = (
    Annotated[Literal["none", "auto", "required"], Tag("Word")]
    | Annotated[NamedFlatTool, Tag("Named")]
    | Annotated[AllowedFlatTools, Tag("Allowed")]
)


class TextFormat(Part):
    """What the answer must be: text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class TextOptions(Part):
    """About the text of an answer. Of `verbosity` only the default is honoured."""

    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningOptions(Part):
    """About what comes before the text. With `summary` the reasoning is given as one, in full."""

    effort: ReasoningEffort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    context: Literal["auto", "current_turn", "all_turns"] | None = None
    mode: str | None = None


class ConversationBody(Part):
    """Fields that say what the model reads, for an answer and for a count of tokens."""

    model: Annotated[str, Field(min_length=1)]
    input: str | Annotated[list[InputItem], Field(min_length=1)]
    instructions: str | None = None
    previous_response_id: _Id | None = None
    tools: Annotated[list[FlatTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Annotated[FlatToolChoice, Discriminator(_choice_tag)] | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    truncation: Literal["auto", "disabled"] | None = None


class ResponsesBody(ConversationBody, GenerationBody):
    """Every field of a response that changes the answer and is honoured."""

    store: bool | None = None
    include: Annotated[list[str], Field(max_length=MAX_INCLUDED)] | None = None
    max_output_tokens: TokenLimit | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
            Field(max_length=MAX_METADATA),
        ]
        | None
    ) = None

"""What bodies that ask for text have in common: sampling, limits, stops, constraints, adapters, with their bounds.

A field that is absent or null leaves the default of the model, or else of `SamplingParams`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_STOPS = 4
MAX_STOP_BYTES = 256
MAX_LOGIT_BIAS = 1024
MAX_CHOICES = 8
MAX_TOP_LOGPROBS = 20
MAX_PENALTY_WINDOW = 65536
MAX_GRAMMAR_CHARS = 256 * 1024
MAX_ANSWERS = 4096
MAX_ADAPTERS = 16
MAX_STOP_TOKENS = 64
INT32 = 2**31 - 1
INT64 = 2**63


class Part(BaseModel):
    """A piece of a request. Numbers are numbers: "0.5" in quotes is refused."""

    model_config = ConfigDict(strict=True, extra="ignore")


class StreamOptions(Part):
    """Options of a stream."""

    include_usage: bool | None = None


class JsonSchema(Part):
    """response_format's schema; we hold every answer to it, `strict` or not."""

    name: str = "response"
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(Part):
    """What the answer must be: text, any JSON object, or JSON of a schema.

    OpenAI puts the schema into `json_schema`; llama-server takes it as `schema`, beside json_object too.
    """

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
TokenLimit = Annotated[int, Field(ge=1, le=INT32)]
TokenCount = Annotated[int, Field(ge=0, le=INT32)]
RepetitionPenalty = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Bias = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Grammar = Annotated[str, Field(max_length=MAX_GRAMMAR_CHARS)]
Stop = Annotated[str, Field(min_length=1)]
Stops = Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)]
Answers = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=MAX_ANSWERS)]
ModelName = Annotated[str, Field(min_length=1)]
Choices = Annotated[int, Field(ge=1, le=MAX_CHOICES)]


class StructuredOutputs(Part):
    """vLLM's one place for all constraints."""

    json_: Annotated[dict[str, Any] | Grammar | None, Field(alias="json")] = None
    regex: Grammar | None = None
    choice: Answers | None = None
    grammar: Grammar | None = None
    json_object: bool | None = None


class Adapter(Part):
    """A LoRA adapter by its name, 1 as it was trained and 0 without effect."""

    name: Annotated[str, Field(min_length=1)]
    scale: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)] = 1.0


class GenerationBody(Part):
    """Fields that are honoured wherever text is asked for in the words of OpenAI, vLLM or llama-server."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=-1, le=INT32)] | None = None
    min_p: Share | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: RepetitionPenalty | None = None
    repeat_penalty: RepetitionPenalty | None = None
    repeat_last_n: Annotated[int, Field(ge=0, le=MAX_PENALTY_WINDOW)] | None = None
    typical_p: Share | None = None
    top_n_sigma: Annotated[float, Field(ge=-1, le=100, allow_inf_nan=False)] | None = None
    xtc_probability: Share | None = None
    xtc_threshold: Share | None = None
    dry_multiplier: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    dry_base: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] | None = None
    dry_allowed_length: TokenCount | None = None
    seed: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = None
    logit_bias: Annotated[dict[str, Bias], Field(max_length=MAX_LOGIT_BIAS)] | None = None
    min_tokens: TokenCount | None = None
    stop: Stops | None = None
    stop_token_ids: Annotated[list[TokenCount], Field(max_length=MAX_STOP_TOKENS)] | None = None
    ignore_eos: bool | None = None
    n: Choices | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    cache_prompt: bool | None = None
    lora: Annotated[list[Adapter], Field(max_length=MAX_ADAPTERS)] | None = None
    response_format: ResponseFormat | None = None
    json_schema: dict[str, Any] | None = None
    grammar: Grammar | None = None
    guided_json: dict[str, Any] | Grammar | None = None
    guided_grammar: Grammar | None = None
    guided_regex: Grammar | None = None
    guided_choice: Answers | None = None
    structured_outputs: StructuredOutputs | None = None

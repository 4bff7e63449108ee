"""`python -m labkit.worker.trial FILE`: load a model, give it a prompt, have it answer, in one line of JSON.

It runs once for each new file, in a process that may die: exit code 0 means that the file answered. Before that, lines
say what it is at, for the case that it dies. The chat template is rendered first, in a process with limits.
"""

import contextlib
import json
import math
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from labkit.chat import TEMPLATE_LIMIT, TemplateRenderer
from labkit.engine.native.context import NativeContext
from labkit.engine.native.embedding_backend import NativeEmbeddingBackend
from labkit.engine.native.model import NativeModel
from labkit.engine.types import EngineConfig
from labkit.errors import InvalidModelFileError, InvalidRequestError, LabkitError, ModelLoadError
from labkit.gguf import EmbeddingFacts, GgufHeader, embedding_facts, validate

CONTEXT_TOKENS = 512
PROMPT_TOKENS = 128  # of a longer prompt, the first
NUM_TOKENS = 4
PROMPT = "Hello, how are you? 1 + 1 = ? \u00e9\u4f60\U0001f600"


def main() -> int:
    """Returns the exit code: 0 when the model answered."""
    _die_first()
    try:
        answer = try_file(Path(sys.argv[1]))
    except (LabkitError, MemoryError) as error:
        print(json.dumps({"problem": str(error)[:500] or type(error).__name__}))  # noqa: T201
        return 1
    print(json.dumps(answer))  # noqa: T201
    return 0


def _die_first() -> None:
    """Where memory runs out over a hostile file, this process is the one to go (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def try_file(path: Path) -> dict[str, str | int]:
    """What the trial found. Raises LabkitError for a model that does not answer; may kill the process."""
    header = validate(path)
    prompt = _render(header)
    _say("it was loaded")
    model = NativeModel(path, gpu_layers=0)
    try:
        _say("it answered a prompt")
        tokens = model.tokenize(prompt, add_special=model.adds_bos)[:PROMPT_TOKENS] or [0]
        facts = embedding_facts(header)
        if facts.purpose is not None:
            _embed(model, facts, tokens)
        else:
            _answer(model, tokens)
    finally:
        model.close()
    return {"prompt_tokens": len(tokens), "core_version": metadata.version("llama-cpp-python")}


def _say(doing: str) -> None:
    print(json.dumps({"doing": doing}), flush=True)  # noqa: T201


def _render(header: GgufHeader) -> str:
    """The prompt as the model's template makes it. Raises InvalidModelFileError for a template that was stopped."""
    source = header.text("tokenizer.chat_template")
    if source is None:
        return PROMPT
    renderer = TemplateRenderer()
    try:
        renderer.compile(source)
        return renderer.render(({"role": "user", "content": PROMPT},))
    except InvalidRequestError as error:
        if error.code == TEMPLATE_LIMIT:
            raise InvalidModelFileError(error.message, hint=error.hint) from error
        return PROMPT  # it may want another conversation than this one
    finally:
        renderer.close()


def _answer(model: NativeModel, tokens: Sequence[int]) -> None:
    context = NativeContext(
        model, context_tokens=CONTEXT_TOKENS, batch_tokens=CONTEXT_TOKENS, ubatch_tokens=CONTEXT_TOKENS, num_threads=2
    )
    try:
        context.forward_tokens(tokens, 0)
        row = len(tokens) - 1
        for position in range(len(tokens), len(tokens) + NUM_TOKENS):
            logits = context.logits(row)
            token = int(logits.argmax())
            if not math.isfinite(float(logits[token])):
                raise ModelLoadError("its answers are not numbers: the weights are damaged")
            model.piece(token, with_control=True)
            context.forward_token(token, position)
            row = 0
    finally:
        context.close()


def _embed(model: NativeModel, facts: EmbeddingFacts, tokens: Sequence[int]) -> None:
    backend = NativeEmbeddingBackend(model, EngineConfig(num_threads=2), facts)
    try:
        (vector,) = backend.forward([list(tokens)])
        if not all(map(math.isfinite, vector.tolist())):
            raise ModelLoadError("its vectors are not numbers: the weights are damaged")
    finally:
        backend.release()


if __name__ == "__main__":
    sys.exit(main())

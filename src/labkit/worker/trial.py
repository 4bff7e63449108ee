"""`python -m labkit.worker.trial FILE`: load a model, give it a prompt, have it answer, in one line of JSON.

It runs once for each new file, in a process that may die: exit code 0 means that the file answered. The chat template
is rendered here as well, first and within limits, because templates are code.
"""

import json
import math
import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from labkit.chat import ChatTemplate
from labkit.engine.native.context import NativeContext
from labkit.engine.native.embedding_backend import NativeEmbeddingBackend
from labkit.engine.native.model import NativeModel
from labkit.engine.types import EngineConfig
from labkit.errors import InvalidRequestError, LabkitError, ModelLoadError
from labkit.gguf import EmbeddingFacts, GgufHeader, embedding_facts, validate
from labkit.units import GIB

CONTEXT_TOKENS = 512
PROMPT_TOKENS = 128  # of a longer prompt, the first
NUM_TOKENS = 4
PROMPT = "Hello, how are you? 1 + 1 = ? \u00e9\u4f60\U0001f600"
TEMPLATE_SECONDS = 5.0
TEMPLATE_BYTES = 4 * GIB  # of address space, while the template is rendered


def main() -> int:
    """Returns the exit code: 0 when the model answered."""
    try:
        answer = try_file(Path(sys.argv[1]))
    except (LabkitError, MemoryError) as error:
        print(json.dumps({"problem": str(error)[:500] or type(error).__name__}))  # noqa: T201
        return 1
    print(json.dumps(answer))  # noqa: T201
    return 0


def try_file(path: Path) -> dict[str, str | int]:
    """What the trial found. Raises LabkitError for a model that does not answer; may kill the process."""
    header = validate(path)
    prompt = _render(header)
    model = NativeModel(path, gpu_layers=0)
    try:
        tokens = model.tokenize(prompt, add_special=model.adds_bos)[:PROMPT_TOKENS] or [0]
        facts = embedding_facts(header)
        if facts.purpose is not None:
            _embed(model, facts, tokens)
        else:
            _answer(model, tokens)
    finally:
        model.close()
    return {"prompt_tokens": len(tokens), "core_version": metadata.version("llama-cpp-python")}


def _render(header: GgufHeader) -> str:
    """The prompt as the model's template makes it; a template that does not end is the end of this process."""
    source = header.text("tokenizer.chat_template")
    if source is None:
        return PROMPT
    with _Limits():
        try:
            return ChatTemplate(source).render(({"role": "user", "content": PROMPT},))
        except InvalidRequestError:  # it may want another conversation than this one
            return PROMPT


class _Limits:
    """Time and memory for code that came with a file. The alarm kills: a long integer power holds Python's lock."""

    def __enter__(self) -> None:
        if not hasattr(signal, "setitimer"):  # Windows: the parent's own limit has to do
            return
        import resource

        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, TEMPLATE_SECONDS)
        self._before = resource.getrlimit(resource.RLIMIT_AS)
        _, hard = self._before
        most = TEMPLATE_BYTES if hard == resource.RLIM_INFINITY else min(TEMPLATE_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))

    def __exit__(self, *_: object) -> None:
        if not hasattr(signal, "setitimer"):
            return
        import resource

        resource.setrlimit(resource.RLIMIT_AS, self._before)
        signal.setitimer(signal.ITIMER_REAL, 0)


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

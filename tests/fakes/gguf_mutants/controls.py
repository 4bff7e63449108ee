"""Valid files, some of them unusual: each must be read, and must answer."""

from dataclasses import replace

from fakes import gguf_writer as writer
from fakes.gguf_mutants import Mutant, parts
from fakes.gguf_mutants.bases import NAMES, base, base_bytes
from fakes.gguf_mutants.document import Document
from fakes.gguf_mutants.templates import KEY
from fakes.gguf_writer import Typed

MAIN = ("nano", "spm", "bpe", "dense", "bert")
PICKY = {
    "raises for a system message": "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}{% endfor %}",  # noqa: E501
    "wants a system message": "{% if messages[0].role != 'system' %}{{ raise_exception('system first') }}{% endif %}{{ messages[0].content }}",  # noqa: E501
    "wants tools": "{{ tools[0].function.name }}{{ messages[0].content }}",
    "counts on alternating roles": "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}{{ m.content }}{% endfor %}",  # noqa: E501
    "parts of content": "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}",
    "date and loops": "{{ strftime_now('%Y-%m-%d') }}{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.content }}{% endfor %}",  # noqa: E501
    "generation blocks of text": "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m['content'] | trim + ' [/INST]' }}{% endfor %}",  # noqa: E501
    "namespace and macros": "{% macro one(m) %}{{ m.content | tojson }}{% endmacro %}{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ one(m) }}{% endfor %}{{ ns.n }}",  # noqa: E501
}


def controls():
    """Every control, as a Mutant that harms nothing."""
    made = {f"{name}: as it is": (name, {"model.gguf": base_bytes(name)}) for name in NAMES}
    for name in MAIN:
        for change in (
            reversed_keys, unknown_keys, wide_alignment, version_2, trailing_padding, tensors_in_another_order, in_parts,  # noqa: E501
        ):  # fmt: skip
            files = change(base(name))
            made[f"{name}: {change.__name__}"] = (
                name,
                files if isinstance(files, dict) else {"model.gguf": files.to_bytes()},
            )
    for what, template in PICKY.items():
        made[f"template: {what}"] = ("nano", {"model.gguf": base("nano").setting(KEY, template).to_bytes()})
    made["no template"] = ("nano", {"model.gguf": base("nano").setting(KEY, None).to_bytes()})
    for name in ("spm", "bpe"):
        made[f"{name}: large vocabulary"] = (name, {"model.gguf": large_vocabulary(base(name), 40_000).to_bytes()})
    return [
        Mutant(number, "control", kind, name, files) for number, (kind, (name, files)) in enumerate(made.items())
    ]  # fmt: skip


def reversed_keys(document):
    """llama.cpp looks keys up by name."""
    return document.with_(pairs=tuple(reversed(document.pairs)))


def unknown_keys(document):
    """Keys that nobody knows, of every type."""
    items = {
        "publisher.note": "hello \u4f60", "publisher.list": ["a", "b"], "publisher.empty": Typed(writer.ARRAY, [], writer.STRING),  # noqa: E501
        "publisher.big": Typed(writer.UINT64, 2**64 - 1), "publisher.bytes": Typed(writer.ARRAY, [1, 2], writer.UINT8),
        "publisher.nan": float("nan"), "publisher.text": "x" * 100_000, "general.tags": ["chat", "\u00e9"],
    }  # fmt: skip
    for key, item in items.items():
        document = document.setting(key, item)
    return document


def wide_alignment(document):
    """64 bytes instead of 32."""
    return document.setting("general.alignment", 64).with_(alignment=64)


def version_2(document):
    """The version before 3 differs in nothing but byte order marks."""
    return document.with_(version=2)


def trailing_padding(document):
    """Some writers fill the last block of the disk."""
    return document.with_(trailing=bytes(4096))


def tensors_in_another_order(document):
    """Names are looked up."""
    return document.with_(tensors=tuple(reversed(document.tensors)))


def in_parts(document):
    """Three files."""
    made = parts.split(document, 3)
    return {name: part.to_bytes() for name, part in zip(parts.names(3), made, strict=True)}


def large_vocabulary(document: Document, size):
    """Many more tokens, with rows for them."""
    old = list(document.get("tokenizer.ggml.tokens"))
    tokens = old + [b"token%d" % number for number in range(size - len(old))]
    document = document.setting("tokenizer.ggml.tokens", Typed(writer.ARRAY, tokens, writer.STRING))
    for key, filler in (("scores", -1e6), ("token_type", 1)):
        item = document.typed(f"tokenizer.ggml.{key}")
        if item is not None:
            values = list(item.value) + [filler] * (size - len(old))
            document = document.setting(f"tokenizer.ggml.{key}", Typed(item.kind, values, item.element))
    tensors = tuple(_with_rows(tensor, size) for tensor in document.tensors)
    return document.with_(tensors=tensors)


def _with_rows(tensor, size):
    if tensor.name not in (b"token_embd.weight", b"output.weight"):
        return tensor
    row = len(tensor.data) // tensor.dimensions[1]
    return replace(
        tensor,
        dimensions=(tensor.dimensions[0], size),
        data=(tensor.data * (size * row // len(tensor.data) + 1))[: size * row],
    )

"""How a reranker reads a query and a document: as one input, the way the model was trained."""

import re

import llama_cpp

from labkit.engine.native.model import NativeModel

_PLACE = re.compile(r"\{(query|document)\}")


class RerankPrompt:
    """Makes the token ids of (query, document) pairs for one model.

    With a template in the file (`tokenizer.chat_template.rerank`): that, with {query} and {document} filled in.
    Without: BOS query EOS SEP document EOS, as far as the vocabulary adds them; a vocabulary that adds SEP and no EOS
    (BERT) ends with SEP. Texts of clients are never read as control tokens.
    """

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        source = llama_cpp.llama_model_chat_template(model.pointer, b"rerank")
        self._template = _split_at_markers(model, source.decode(errors="replace")) if source else None
        vocab = model.vocab
        separator = int(llama_cpp.llama_vocab_sep(vocab))  # pyright: ignore[reportArgumentType]
        end = model.eos if model.eos >= 0 else separator
        ends = [end] if llama_cpp.llama_vocab_get_add_eos(vocab) and end >= 0 else []
        separators = [separator] if llama_cpp.llama_vocab_get_add_sep(vocab) and separator >= 0 else []
        self._before = [model.bos] if model.adds_bos else []
        self._between = ends + separators
        self._after = ends or separators

    def tokens(self, query: str, document: str) -> list[int]:
        """Token ids of one pair."""
        if self._template is None:
            first, second = (self._model.tokenize(text, parse_special=False) for text in (query, document))
            return [*self._before, *first, *self._between, *second, *self._after]
        texts = {"query": query, "document": document}
        found: list[int] = []
        for part in self._template:
            if isinstance(part, int):
                found.append(part)
            else:
                text = _PLACE.sub(lambda match: texts[match[1]], part)
                found += self._model.tokenize(text, parse_special=False)
        return found


def _split_at_markers(model: NativeModel, template: str) -> list[str | int]:
    """The template's control tokens as ids, with the text between them: only those are read as control tokens."""
    parts: list[str | int] = []
    position = 0
    for token in model.tokenize(template):
        if not model.is_marker(token):
            continue
        marker = model.token_text(token)
        start = template.find(marker, position)
        if start >= 0:
            parts += [template[position:start], token]
            position = start + len(marker)
    return [part for part in (*parts, template[position:]) if part != ""]

"""A text, texts, the token ids of one, or those of several: the four shapes in which OpenAI takes plain text."""

from typing import Any

from labkit.errors import InvalidRequestError

Prompt = str | tuple[int, ...]


def texts_or_tokens(value: object, place: str, most: int, *, may_be_empty: bool = False) -> tuple[Prompt, ...]:
    """Each of them. Raises InvalidRequestError about `place` for another shape, or for more than `most`.

    Read by hand and not by a schema: a union of the shapes would name the branch that was not meant.
    """
    if value is None:
        raise InvalidRequestError(f"{place} is missing", param=place, code="missing_required_parameter")
    if isinstance(value, str):
        return (_text(value, place, may_be_empty=may_be_empty),)
    if not isinstance(value, list) or not value:
        raise _wrong(place, "must be a text, a list of texts, or token ids, and not empty")
    if all(isinstance(item, int) for item in value):
        return (_tokens(value, place),)
    if len(value) > most:
        raise _wrong(place, f"holds {len(value)} texts, {most} are allowed in one request")
    return tuple(_one(item, f"{place}[{index}]", may_be_empty=may_be_empty) for index, item in enumerate(value))


def _one(value: object, place: str, *, may_be_empty: bool) -> Prompt:
    if isinstance(value, str):
        return _text(value, place, may_be_empty=may_be_empty)
    if isinstance(value, list):
        return _tokens(value, place)
    raise _wrong(place, "must be a text, or a list of token ids")


def _text(text: str, place: str, *, may_be_empty: bool) -> str:
    if not text and not may_be_empty:
        raise _wrong(place, "is empty")
    return text


def _tokens(tokens: list[Any], place: str) -> tuple[int, ...]:
    if not tokens:
        raise _wrong(place, "is empty")
    for token in tokens:
        if not isinstance(token, int) or isinstance(token, bool) or not 0 <= token < 2**31:
            raise _wrong(place, "must hold token ids: whole numbers, not negative")
    return tuple(tokens)


def _wrong(place: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{place} {what}", param=place)

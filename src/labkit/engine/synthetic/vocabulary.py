"""A made-up vocabulary of any size that tokenizes every text: byte-level BPE, as GPT-2 introduced it.

All 256 bytes are tokens, so nothing is out of vocabulary. Merges build pairs of letters (frequent English ones first),
pairs behind a space, and words of four letters from those pairs, so text takes about one token for three characters.
Every token beyond the bytes has its merge; the last three are the control tokens of ChatML.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from string import ascii_lowercase

from labkit.errors import InputError

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)
NUM_BYTES = 256
SPACE = "\u0120"  # how byte-level BPE writes a space
FREQUENT_STARTS = "tasoiwcbphfmdrelngu"
FREQUENT_PAIRS = (
    "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic "
    "ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so rs un "
    "lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev"
).split()
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens by id, and the merges that make them, first merge first."""

    tokens: tuple[bytes, ...]
    merges: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    def id_of(self, control: str) -> int:
        """Id of a control token."""
        return self.size - len(CONTROL_TOKENS) + CONTROL_TOKENS.index(control)


def build_vocabulary(size: int) -> Vocabulary:
    """A vocabulary of exactly `size` tokens. Pure, the same for the same size.

    Raises InputError for a size that cannot hold the bytes, or that the made-up words do not fill.
    """
    num_merges = size - NUM_BYTES - len(CONTROL_TOKENS)
    if num_merges < 0:
        raise InputError(f"a vocabulary of {size} tokens is too small", hint="259 tokens are the least")
    merges = list(islice(_merges(), num_merges))
    if len(merges) < num_merges:
        raise InputError(f"a vocabulary of {size} tokens is too large", hint="a million tokens are the most")
    tokens = (*_byte_tokens(), *(left + right for left, right in merges), *CONTROL_TOKENS)
    return Vocabulary(
        tuple(token.encode() for token in tokens), tuple(f"{left} {right}".encode() for left, right in merges)
    )


def _byte_tokens() -> Iterator[str]:
    """One character for each byte: itself where it can be seen, else the next free one from U+0100 up."""
    visible = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = 0
    for byte in range(NUM_BYTES):
        yield chr(byte if byte in visible else 0x100 + hidden)
        hidden += byte not in visible


def _merges() -> Iterator[tuple[str, str]]:
    """Pairs to merge, the most useful first, every result once and made of earlier ones."""
    pairs = [*FREQUENT_PAIRS, *sorted({a + b for a, b in product(ascii_lowercase, repeat=2)} - set(FREQUENT_PAIRS))]
    frequent = len(FREQUENT_PAIRS)
    starts = [*FREQUENT_STARTS, *sorted(set(ascii_lowercase) - set(FREQUENT_STARTS))]
    yield from ((SPACE, letter) for letter in FREQUENT_STARTS)
    yield from ((pair[0], pair[1]) for pair in pairs[:frequent])
    yield from ((SPACE, letter) for letter in starts[len(FREQUENT_STARTS) :])
    yield from ((pair[0], pair[1]) for pair in pairs[frequent:])
    yield from ((SPACE, pair) for pair in pairs)
    yield from ((first, second) for first, second in product(pairs, repeat=2))
    yield from ((SPACE + first, second) for first, second in product(pairs, repeat=2))

import pytest

from labkit.engine.core.sequence import Sequence
from labkit.engine.drafting import PromptDrafter
from labkit.engine.speculation import Speculation
from labkit.engine.types import GenerationRequest


def sequence_of(tokens, request_id="a", max_tokens=None) -> Sequence:
    return Sequence(GenerationRequest(request_id, tuple(tokens), max_tokens=max_tokens), arrived=0.0)


def cost(tokens: int) -> float:
    return 0.02 + 0.0005 * tokens


def steep(tokens: int) -> float:
    return 0.02 * tokens


class SlowDrafter:
    """A draft model as slow as its clock says."""

    is_free = False

    def __init__(self, seconds_per_token: float) -> None:
        self.now = 0.0
        self.calls = 0
        self._seconds = seconds_per_token

    def propose(self, sequence_id, tokens, max_tokens):
        self.now += self._seconds * max_tokens
        self.calls += 1
        return (1,) * max_tokens

    def forget(self, sequence_id):
        pass


def run(speculation: Speculation, sequence: Sequence, text, steps: int, seconds=cost) -> list[int]:
    """Draft lengths of each step, for a model that writes `text`."""
    lengths = []
    for _ in range(steps):
        draft = speculation.propose(sequence, (), 1, seconds)
        place = len(sequence.tokens) - sequence.num_prompt
        accepted = 0
        while accepted < len(draft) and draft[accepted] == text[place + accepted]:
            accepted += 1
        tokens = list(text[place : place + accepted + 1])
        sequence.tokens += tokens
        speculation.learn(sequence, len(draft), accepted, tokens)
        lengths.append(len(draft))
    return lengths


def test_a_copied_text_is_drafted_at_full_length():
    document = list(range(1000, 1400))
    lengths = run(Speculation(PromptDrafter()), sequence_of([*document, 1, 1000, 1001]), document[2:], 23)
    assert max(lengths) == 16
    assert sum(lengths) > 300


def test_nothing_is_drafted_before_a_forward_was_measured():
    assert Speculation(PromptDrafter()).propose(sequence_of([1, 2, 3, 1, 2]), (), 1, lambda _: None) == ()


def test_nothing_is_drafted_beyond_the_end_of_the_answer():
    speculation = Speculation(PromptDrafter())
    sequence = sequence_of([1, 2, 3, 4] * 50, max_tokens=40)
    lengths = run(speculation, sequence, [1, 2, 3, 4] * 20, 8)
    assert max(lengths) > 1
    sequence.tokens = sequence.tokens[: sequence.num_prompt + 38]
    assert len(speculation.propose(sequence, (), 1, cost)) <= 1
    sequence.tokens = [*sequence.tokens, 9]
    assert speculation.propose(sequence, (), 1, cost) == ()


@pytest.mark.parametrize(("seconds", "expected"), [(cost, (7, 8, 9)), (steep, ())])
def test_forced_tokens_come_first_where_they_pay(seconds, expected):
    speculation = Speculation(PromptDrafter())
    sequence = sequence_of([1, 2, 3, 1, 2])
    assert speculation.propose(sequence, (7, 8, 9), 1, seconds) == expected
    speculation.learn(sequence, len(expected), len(expected), [*expected, 5])
    speculation.forget(sequence)
    speculation.forget(sequence)


def test_drafts_of_one_step_share_its_forward():
    speculation = Speculation(PromptDrafter())
    sequences = [sequence_of([1, 2, 3, 4] * 100, str(number)) for number in range(8)]

    def narrow(tokens: int) -> float:
        return 0.02 if tokens <= 16 else 0.5

    for _ in range(20):
        drafts = [speculation.propose(sequence, (), 8, narrow) for sequence in sequences]
        assert 8 + sum(map(len, drafts)) <= 16
        for sequence, draft in zip(sequences, drafts, strict=True):
            speculation.learn(sequence, len(draft), len(draft), [*draft, 1])
    assert sum(map(len, drafts)) == 8


def test_the_time_of_a_draft_model_counts():
    for seconds_per_token, is_used in ((0.0005, True), (0.05, False)):
        drafter = SlowDrafter(seconds_per_token)
        speculation = Speculation(drafter, clock=lambda drafter=drafter: drafter.now)
        run(speculation, sequence_of([1]), [1] * 5000, 100)
        assert (drafter.calls > 50) == is_used


def test_the_length_of_drafts_grows_with_what_they_won():
    def processor(tokens):  # a small model here: what a forward of 17 costs is five more of one token
        return 0.024 + 0.008 * (tokens - 1)

    pattern = list(range(1000, 1008)) * 40
    lengths = run(Speculation(PromptDrafter()), sequence_of(pattern[:48]), pattern, 20, processor)
    assert lengths[0] <= 2  # little is risked before anything was won
    assert max(lengths) == 16


def test_where_no_draft_can_pay_none_is_sent_however_right_it_would_be():
    pattern = list(range(1000, 1008)) * 40
    assert not any(run(Speculation(PromptDrafter()), sequence_of(pattern[:48]), pattern, 40, steep))

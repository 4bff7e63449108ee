from labkit.api.legacy_logprobs import LegacyLogprobs, token_name
from labkit.worker.messages import LogprobEntry, PromptTokens, TokenText

A, B, C = TokenText(b"a", -1.0, 1), TokenText(b" b", -2.0, 2), TokenText(b"c", -0.5, 3)
HALVES = [TokenText(half, -1.0) for half in ("\u00e9".encode()[:1], "\u00e9".encode()[1:])]


def test_four_lists_with_the_chosen_token_among_the_best():
    written = LegacyLogprobs().written(None, [LogprobEntry(A, (C, A)), LogprobEntry(B, (C, A))])
    assert written == {
        "tokens": ["a", " b"],
        "token_logprobs": [-1.0, -2.0],
        "top_logprobs": [{"c": -0.5, "a": -1.0}, {"c": -0.5, "a": -1.0, " b": -2.0}],
        "text_offset": [0, 1],
    }


def test_the_prompts_first_token_has_no_logprob():
    prompt = PromptTokens("a b", (None, LogprobEntry(B)), first=A)
    written = LegacyLogprobs().written(prompt, [LogprobEntry(C)])
    assert written["tokens"] == ["a", " b", "c"]
    assert written["token_logprobs"] == [None, -2.0, -0.5]
    assert written["top_logprobs"] == [None, {" b": -2.0}, {"c": -0.5}]
    assert written["text_offset"] == [0, 1, 3]


def test_offsets_go_on_from_part_to_part_and_count_characters():
    held = LegacyLogprobs()
    assert held.written(None, [LogprobEntry(HALVES[0])])["text_offset"] == [0]
    assert held.written(None, [LogprobEntry(HALVES[1]), LogprobEntry(A)])["text_offset"] == [0, 1]


def test_what_is_no_text_is_spelled_in_bytes():
    assert token_name(HALVES[0]) == "bytes:\\xc3"
    assert token_name(HALVES[1]) == "bytes:\\xa9"
    assert token_name(A) == "a"


def test_a_marker_before_the_text_takes_no_room_in_it():
    prompt = PromptTokens("a", (None, LogprobEntry(A)), first=TokenText(b"<s>", 0.0))
    assert LegacyLogprobs().written(prompt, [LogprobEntry(C)])["text_offset"] == [0, 0, 1]

from labkit.api.blocks import Blocks, is_plain_text
from labkit.worker.messages import Delta, LogprobEntry, TokenText, ToolCallDelta


def told(blocks, *deltas):
    news = [one for delta in deltas for one in blocks.feed(delta)] + blocks.close()
    return [(one.what, one.block.index, one.block.kind, one.text) for one in news]


def test_each_kind_is_a_block_and_only_one_is_open():
    blocks = Blocks()
    calls = (ToolCallDelta(0, "call_a", "f"), ToolCallDelta(0, arguments="{}"), ToolCallDelta(1, "call_b", "g", "{"))
    deltas = (Delta("r", reasoning="a"), Delta("r", "b", "c"), Delta("r", tool_calls=calls), Delta("r", "d"))
    assert told(blocks, *deltas) == [
        ("open", 0, "reasoning", ""), ("more", 0, "reasoning", "a"), ("more", 0, "reasoning", "c"),
        ("close", 0, "reasoning", ""),
        ("open", 1, "text", ""), ("more", 1, "text", "b"), ("close", 1, "text", ""),
        ("open", 2, "tool_call", ""), ("more", 2, "tool_call", "{}"), ("close", 2, "tool_call", ""),
        ("open", 3, "tool_call", ""), ("more", 3, "tool_call", "{"), ("close", 3, "tool_call", ""),
        ("open", 4, "text", ""), ("more", 4, "text", "d"), ("close", 4, "text", ""),
    ]  # fmt: skip
    assert [(block.text, block.call_id, block.name) for block in blocks.row] == [
        ("ac", "", ""), ("b", "", ""), ("{}", "call_a", "f"), ("{", "call_b", "g"), ("d", "", ""),
    ]  # fmt: skip


def test_log_probabilities_stay_with_their_text():
    entry = LogprobEntry(TokenText(b"a", -1.0))
    blocks = Blocks()
    blocks.feed(Delta("r", "a", logprobs=(entry,)))
    blocks.feed(Delta("r", "b", logprobs=(entry, entry)))
    assert len(blocks.row[0].logprobs) == 3


def test_plain_text_is_text_and_nothing_else():
    assert is_plain_text(Delta("r", "a", num_tokens=1))
    for delta in (Delta("r"), Delta("r", "a", finish_reason="stop"), Delta("r", "a", "b")):
        assert not is_plain_text(delta)

import json

from labkit.api import sse


def test_an_event_is_one_line_whatever_the_text():
    text = "a\nb\rc\u2028d\u2029e\x85f é 😀"
    raw = sse.event({"text": text})
    assert raw.startswith(b"data: ")
    assert raw.endswith(b"\n\n")
    assert len(raw.decode().removesuffix("\n\n").splitlines()) == 1
    assert json.loads(raw.removeprefix(b"data: ")) == {"text": text}
    assert "é 😀" in raw.decode()

import pytest

from labkit.errors import InputError
from labkit.hub import HubName, is_hub_name, parse_hub_name

HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hf:org/repo", HubName("org/repo")),
        ("hf:org/repo:Q4_K_M", HubName("org/repo", "Q4_K_M")),
        ("hf:org/repo:sub/file.gguf@v1.2", HubName("org/repo", "sub/file.gguf", "v1.2")),
        ("hf:org/repo@" + "a" * 40, HubName("org/repo", None, "a" * 40)),
        ("hf://org/repo", HubName("org/repo")),
        ("hf://models/org/repo@dev/file.gguf", HubName("org/repo", "file.gguf", "dev")),
        (f"{HUB}/org/repo", HubName("org/repo")),
        (f"{HUB}/org/repo/", HubName("org/repo")),
        (f"{HUB}/org/repo/tree/main", HubName("org/repo")),
        (f"{HUB}/org/repo/blob/main/a%20b.gguf", HubName("org/repo", "a b.gguf")),
        (f"{HUB}/org/repo/resolve/abc123/x/y.gguf?download=true", HubName("org/repo", "x/y.gguf", "abc123")),
        ("https://hf.co/org/repo", HubName("org/repo")),
    ],
)
def test_every_way_to_write_a_name(text, name):
    assert is_hub_name(text)
    assert parse_hub_name(text, HUB) == name


@pytest.mark.parametrize(
    "text",
    [
        "hf:", "hf:org", "hf:org/", "hf:/repo", "hf:org/repo:", "hf:org/repo@", "hf:org/../etc", "hf:../x/y",
        "hf:org/repo:../../x", "hf:org/repo:/etc/passwd", "hf:org/repo:..", "hf:org/repo@../..", "hf:a/b/c",
        "hf:org/re po", "hf:org/repo:a//b", "hf:.hidden/repo", "hf:org/repo:.hidden", "hf://org",
        "https://example.com/org/repo", f"{HUB}/datasets/org/repo", f"{HUB}/spaces/org/repo", f"{HUB}/org",
        f"{HUB}/org/repo/blob/main/%2e%2e/%2e%2e/x", "http://", "hf:org/repo\n", "hf:org/" + "x" * 200,
    ],
)  # fmt: skip
def test_a_wrong_name_says_how_to_write_one(text):
    with pytest.raises(InputError) as raised:
        parse_hub_name(text, HUB)
    assert raised.value.hint


@pytest.mark.parametrize("name", [HubName("a/b"), HubName("a/b", "Q8_0"), HubName("a/b", "c.gguf", "v1")])
def test_a_name_is_written_as_it_is_read(name):
    assert parse_hub_name(str(name)) == name


def test_a_mirror_is_the_hub_when_it_is_set():
    assert parse_hub_name("http://mirror.local:8080/org/repo", "http://mirror.local:8080") == HubName("org/repo")

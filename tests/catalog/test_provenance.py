"""Who uploaded a file is told from the account in its repository's name."""

import pytest

from labkit.catalog import CatalogFile, CatalogModel, by_trust, load_catalog, uploader, uploader_words

MODEL = CatalogModel("m", "m", "mit", ("chat",), source_repo="google/gemma")


@pytest.mark.parametrize(
    ("repo", "who", "words"),
    [
        ("google/gemma-GGUF", "maker", "uploaded by google, who made the model"),
        ("Google/other", "maker", "uploaded by Google, who made the model"),
        ("ggml-org/gemma", "llama.cpp", "converted by llama.cpp's authors (ggml-org), not by google"),
        ("someone/gemma", "community", "a re-upload by someone, not by google"),
        ("google-fans/gemma", "community", "a re-upload by google-fans, not by google"),
    ],
)
def test_the_account_tells_who_it_was(repo, who, words):
    assert (uploader(MODEL, repo), uploader_words(MODEL, repo)) == (who, words)


def test_without_a_maker_nothing_is_known():
    model = CatalogModel("m", "m", "mit", ("chat",))
    assert uploader(model, "a/b") == "unknown"
    assert "who made the model is not known" in uploader_words(model, "a/b")


def test_the_makers_own_files_go_first():
    repos = ["fan/x", "ggml-org/x", "google/x", "fan/y"]
    files = tuple(CatalogFile(repo, "x.gguf", "0" * 64, "s") for repo in repos)
    assert [file.repo for file in by_trust(MODEL, files)] == ["google/x", "ggml-org/x", "fan/x", "fan/y"]


def test_googles_own_training_for_4_bits_goes_first():
    model = load_catalog().get("gemma-4-e4b-it")
    first = by_trust(model, tuple(file for file in model.model_files if file.native))[0]
    assert (first.repo.split("/")[0], first.quantization) == ("google", "Q4_0")

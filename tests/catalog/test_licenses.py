"""Licenses are told in plain words with a source, and a filter names what it does not know."""

import pytest

from labkit.catalog import find_license, licenses, load_catalog, parse_license_filter
from labkit.errors import InputError

USED = sorted({model.license for model in load_catalog().models})


@pytest.mark.parametrize("license_id", USED)
def test_every_license_in_use_is_known_and_sourced(license_id):
    found = find_license(license_id)
    assert found.source.startswith("https://")
    assert "permissive" not in found.classes or "commercial-ok" in found.classes
    assert "permissive" in found.classes or found.restrictions


def test_a_license_is_found_by_its_spdx_id_in_any_case():
    assert find_license("Apache-2.0") is find_license("APACHE-2.0") is licenses()["apache-2.0"]
    assert find_license("wtfpl") is None


def test_restrictions_are_words():
    assert "10 million USD" in find_license("lfm1.0").restrictions[0]
    assert "no commercial use" in find_license("cc-by-nc-4.0").restrictions
    assert "700 million" in find_license("llama3.1").restrictions[0]
    assert find_license("mit").restrictions == ()


@pytest.mark.parametrize(
    ("words", "accepted", "refused"),
    [
        ([], ["lfm1.0", "unheard-of"], []),
        (["permissive"], ["apache-2.0", "mit", "openmdw-1.1"], ["gemma", "llama3.1", "lfm1.0", "unheard-of"]),
        (["commercial-ok"], ["apache-2.0", "gemma", "llama3.1"], ["lfm1.0", "cc-by-nc-4.0"]),
        (["MIT,gemma"], ["mit", "gemma"], ["apache-2.0"]),
        (["mit", "Apache-2.0"], ["mit", "apache-2.0"], ["gemma"]),
    ],
)
def test_a_filter_accepts_ids_spdx_ids_and_classes(words, accepted, refused):
    chosen = parse_license_filter(words)
    assert [name for name in accepted if chosen.refusal(name)] == []
    assert [name for name in refused if not chosen.refusal(name)] == []


def test_a_refusal_says_what_the_license_asks():
    chosen = parse_license_filter(["permissive"])
    assert chosen.refusal("lfm1.0").startswith("its license is LFM Open License 1.0: commercial use is free below")
    assert "of which nothing is known" in chosen.refusal("unheard-of")


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError) as caught:
        parse_license_filter(["apache2"])
    assert "apache-2.0" in caught.value.hint
    with pytest.raises(InputError) as caught:
        parse_license_filter(["zzzzzz"])
    assert "permissive" in caught.value.hint
    assert parse_license_filter(["house-1"], in_use=["house-1"]).refusal("house-1") == ""

import pytest
from starlette.datastructures import Headers

from labkit.api.limits import Limits, check_content
from labkit.errors import UnsupportedContentError
from labkit.units import MIB


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_accepted(kind):
    check_content(Headers({"content-type": kind}))


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; a=b"])
def test_what_a_web_form_can_send_is_refused(kind):
    with pytest.raises(UnsupportedContentError, match="content type"):
        check_content(Headers({"content-type": kind}))


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity"])
def test_compressed_bodies_are_refused(coding):
    with pytest.raises(UnsupportedContentError, match="compressed"):
        check_content(Headers({"content-type": "application/json", "content-encoding": coding}))


def never():
    raise AssertionError("nobody needs to know")


def test_a_body_may_be_a_mebibyte():
    assert Limits().longest_body("/v1/chat/completions", 100, never) == MIB
    assert Limits().longest_body("/v1/chat/completions", None, lambda: 4096) == MIB


def test_a_large_context_may_have_a_larger_body():
    assert Limits().longest_body("/v1/chat/completions", 3 * MIB, lambda: 131_072) == 2 * MIB
    assert Limits().longest_body("/v1/messages", None, lambda: 1_000_000) == 16_000_000


def test_many_texts_to_embed_are_one_body():
    assert Limits().longest_body("/v1/embeddings", 8 * MIB, never) == 8 * MIB
    assert Limits().longest_body("/v1/embeddings", 9 * MIB, lambda: 10) == 8 * MIB


@pytest.mark.parametrize("headers", [{}, {"content-length": "0"}])
def test_nothing_needs_no_content_type(headers):
    check_content(Headers(headers))


@pytest.mark.parametrize("headers", [{"content-length": "2"}, {"transfer-encoding": "chunked"}])
def test_a_body_without_a_content_type_is_refused(headers):
    with pytest.raises(UnsupportedContentError, match="content type"):
        check_content(Headers(headers))

"""Points the real client at a box. It reads its environment once, when it is imported: so it is told again."""

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")


def point_client_at(box, monkeypatch):
    """huggingface_hub of this process talks to `box` until `monkeypatch` is undone."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
    for name, value in box.environment().items():
        monkeypatch.setenv(name, value)
    template = box.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", box.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(_http, "_HUB_ORIGINS", frozenset({_http._url_origin(box.url)}))
    close_client()


def close_client():
    """Nothing of the box's connections stays behind."""
    from huggingface_hub.utils import _http

    _http.close_session()

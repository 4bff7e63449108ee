from prometheus_client.parser import text_string_to_metric_families as parse

from fakes.endpoints import body, wait_for


def scraped(http, name, **labels):
    """The sum of a series' values over all labels that are not named."""
    return sum(
        sample.value
        for family in parse(http.get("/metrics").text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_histograms_count_the_requests_that_were_made(http):
    names = ("vllm:e2e_request_latency_seconds_count", "vllm:request_generation_tokens_sum")
    before = [scraped(http, name, model_name="echo") for name in names]
    for text in ("count 3", "count 5"):
        assert http.post("/v1/chat/completions", json=body(text)).status_code == 200
        assert http.post("/v1/chat/completions", json=body(text, stream=True)).status_code == 200
    now = lambda: [scraped(http, name, model_name="echo") for name in names]  # noqa: E731
    wait_for(lambda: [after - old for after, old in zip(now(), before, strict=True)] == [4, 16])


def test_refusals_and_the_processes_are_there(http):
    before = scraped(http, "labkit_refused_total", reason="InvalidRequest")
    bugs = scraped(http, "labkit_bugs_total")
    assert http.post("/v1/chat/completions", json=body("x", temperature="hot")).status_code == 400
    assert http.post("/v1/chat/completions", json=body("x", model="no-such-model")).status_code == 404
    assert scraped(http, "labkit_refused_total", reason="InvalidRequest") == before + 1
    assert scraped(http, "labkit_process_resident_memory_bytes", process="worker", model="echo") > 0
    assert scraped(http, "labkit_process_resident_memory_bytes", process="front") > 0
    assert scraped(http, "labkit_bugs_total") == bugs  # a refusal is none
    assert "no-such-model" not in http.get("/metrics").text

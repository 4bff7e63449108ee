"""Whatever the server does: the right file, or a clear error and nothing under its name."""

import hashlib
import os
import random
import threading

import pytest

from fakes.hub import BoxRepository, Fault
from labkit.errors import DiskFullError, DownloadError, IntegrityError, RefusedError
from labkit.hub import Download, download, fetch_repository, locate
from labkit.hub import part as part_module
from labkit.hub import stream as stream_module

CONTENT = random.Random(5).randbytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    """Many pieces in a small file, and no long waits."""
    from labkit.hub import transfer as download_module

    for module in (part_module, download_module):
        monkeypatch.setattr(module, "PIECE_BYTES", 65536)
    monkeypatch.setattr(download_module, "MIN_BYTES_FOR_MORE", 100_000)
    monkeypatch.setattr(download_module, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(stream_module, "MAX_WAIT_SECONDS", 0.05)


@pytest.fixture
def task(hub, tmp_path):
    repository = fetch_repository("org/tiny", "main")
    file = repository.models[0]
    return Download(
        file.path,
        lambda: locate(repository, file),
        file.size_bytes,
        file.sha256,
        tmp_path / "parts",
        lambda digest: tmp_path / "blobs" / digest,
    )


def left_over(task):
    return sorted(path.name for path in task.parts_folder.glob("*")) if task.parts_folder.exists() else []


def assert_whole(task, path):
    assert path.read_bytes() == CONTENT
    assert path == task.target_of(DIGEST)
    assert left_over(task) == []


def test_fetches_a_file_and_leaves_nothing_else(task, hub):
    seen = []
    assert_whole(task, download(task, seen.append))
    assert seen[-1].received_bytes == len(CONTENT)
    assert hub.sent_bytes == len(CONTENT)
    assert oct(task.target_of(DIGEST).stat().st_mode)[-3:] == "444"


def test_what_is_here_is_not_fetched_again(task, hub):
    download(task)
    hub.seen.clear()
    download(task)
    assert hub.seen == []


def test_the_token_goes_to_the_hub_and_to_no_other_host(task, hub):
    download(task)
    assert {seen.authorization is not None for seen in hub.seen if seen.server == "hub"} == {True}
    assert {seen.authorization for seen in hub.seen if seen.server == "storage"} == {None}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("cut", at=10_000), Fault("cut", at=0), Fault("short", at=5000), Fault("long", at=5000),
        Fault("flip", at=1234), Fault("whole"), Fault("shifted", at=100), Fault("lying_range", at=100),
        Fault("etag"), Fault("gzip"), Fault("html"), Fault("status", status=429, retry_after="1"),
        Fault("status", status=503), Fault("status", status=500), Fault("status", status=403),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.at or fault.status}",
)  # fmt: skip
@pytest.mark.parametrize("connections", [1, 3])
def test_one_wrong_answer_is_got_over(task, hub, fault, connections):
    hub.faults = [fault]
    assert_whole(task, download(task, connections=connections))


def test_a_server_that_never_sends_ranges_still_gives_the_file(task, hub):
    hub.always = Fault("whole")
    assert_whole(task, download(task))


@pytest.mark.parametrize(
    "fault", [Fault("html"), Fault("status", status=503), Fault("cut"), Fault("gzip"), Fault("shifted", at=7)]
)
def test_a_server_that_never_answers_rightly_is_an_error_that_keeps_the_part(task, hub, fault):
    hub.faults = [Fault("cut", at=70_000)] * 3
    hub.always = fault
    with pytest.raises(DownloadError) as raised:
        download(task, connections=1)
    assert "is here and stays" in raised.value.hint
    assert not task.target_of(DIGEST).exists()
    assert left_over(task) == [f"{DIGEST}.part", f"{DIGEST}.progress"]
    hub.always = None
    hub.sent_bytes = 0
    assert_whole(task, download(task))
    assert hub.sent_bytes <= len(CONTENT) - 70_000


@pytest.mark.parametrize("kind", ["flip", "lying_range"])
def test_wrong_bytes_never_get_the_name(task, hub, kind):
    hub.always = Fault(kind, at=17)
    with pytest.raises(IntegrityError) as raised:
        download(task)
    assert DIGEST[:12] in raised.value.message
    assert not task.target_of(DIGEST).exists()
    assert left_over(task) == []


def test_a_stall_ends_in_another_request(task, hub):
    hub.faults = [Fault("stall", at=20_000)]
    assert_whole(task, download(task, stall_seconds=0.3))


def test_a_cut_costs_no_byte_twice(task, hub):
    hub.faults = [Fault("cut", at=at) for at in (50_000, 1, 100_000, 30_000)]
    assert_whole(task, download(task, connections=1))
    starts = [int(text.partition("=")[2].partition("-")[0]) for text in hub.ranges if text]
    assert starts == [0, 50_000, 50_001, 150_001, 180_001]


def test_a_redirect_is_followed_and_looked_at(task, hub):
    hub.faults = [Fault("redirect", location=f"{hub.storage_url}/org/tiny/{DIGEST}?again=1")]
    assert_whole(task, download(task))
    hub.faults = []
    task.target_of(DIGEST).unlink()
    hub.always = Fault("redirect", location="ftp://127.0.0.1/file")
    with pytest.raises(RefusedError, match="no web address"):
        download(task)


def test_redirects_without_end_are_an_error(task, hub):
    hub.always = Fault("redirect", location=f"{hub.storage_url}/org/tiny/{DIGEST}")
    with pytest.raises(DownloadError, match="without end"):
        download(task)


def test_two_at_once_are_one_download(task, hub):
    hub.hub_faults = [Fault("stall", at=1)]  # the one that downloads waits, so that the others see it
    results, progress = [], []
    threads = [threading.Thread(target=lambda: results.append(download(task, progress.append))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [task.target_of(DIGEST)] * 4
    assert hub.sent_bytes == len(CONTENT)
    assert any(entry.waiting_for == os.getpid() for entry in progress)
    assert left_over(task) == []


def test_a_full_disk_keeps_the_part(task, hub, monkeypatch):
    real = part_module.pwrite

    def full(descriptor, data, offset):
        if offset >= 150_000 and len(data) > 100:
            raise OSError(28, "No space left on device")
        return real(descriptor, data, offset)

    monkeypatch.setattr(part_module, "pwrite", full)
    with pytest.raises(DiskFullError) as raised:
        download(task, connections=1)
    assert "goes on where it stopped" in raised.value.hint
    assert not task.target_of(DIGEST).exists()
    monkeypatch.setattr(part_module, "pwrite", real)
    hub.sent_bytes = 0
    assert_whole(task, download(task))
    assert hub.sent_bytes < len(CONTENT) - 100_000


def test_a_damaged_part_is_found_out_and_fetched_again(task, hub):
    hub.faults = [Fault("cut", at=100_000)]
    hub.always = Fault("status", status=503)
    with pytest.raises(DownloadError):
        download(task, connections=1)
    part = task.parts_folder / f"{DIGEST}.part"
    part.write_bytes(b"x" + part.read_bytes()[1:])
    hub.always = None
    assert_whole(task, download(task))


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\0" * 20_000])
def test_a_progress_file_that_is_none_means_from_the_start(task, hub, content):
    task.parts_folder.mkdir()
    (task.parts_folder / f"{DIGEST}.progress").write_bytes(content)
    (task.parts_folder / f"{DIGEST}.part").write_bytes(b"rubbish")
    assert_whole(task, download(task))


def test_a_file_that_changed_its_size_is_an_error(task, hub):
    hub.repositories["org/tiny"] = BoxRepository({"tiny-Q8_0.gguf": CONTENT[:-5]})
    hub.digests.clear()
    with pytest.raises(Exception, match=r"no such file|has no revision|bytes now"):
        download(task)


def test_without_a_listed_hash_the_content_names_itself(task, hub):
    plain = Download("x", task.locate, task.size_bytes, None, task.parts_folder, task.target_of)
    assert download(plain) == task.target_of(DIGEST)

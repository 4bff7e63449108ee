import io
import os
import struct
import tarfile
import zipfile

import pytest

from labkit.errors import InputError
from labkit.hardware.capture import archive, tree
from labkit.hardware.capture.tree import decode, open_tree


def zip_of(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def tar_of(path, members):
    with tarfile.open(path, "w:gz") as file:
        for info, data in members:
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("top", ["", "machine/", "a/b/"])
def test_folders_zips_and_tars_are_read_alike_with_or_without_a_folder_around(tmp_path, top):
    files = {f"{top}proc/meminfo": b"MemTotal: 1 kB", f"{top}lspci.txt": b"00:02.0"}
    for name, data in files.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    places = [
        tmp_path / "folder",
        zip_of(tmp_path / "c.zip", files),
        tar_of(tmp_path / "c.tar.gz", [(tarfile.TarInfo(name), data) for name, data in files.items()]),
    ]
    for place in places:
        opened = open_tree(place)
        assert opened.paths == ["lspci.txt", "proc/meminfo"]
        assert opened.read("proc/meminfo") == "MemTotal: 1 kB"
        assert opened.read("other") is None


def test_system_folders_alone_are_not_taken_for_a_folder_around(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("")
    assert open_tree(tmp_path).paths == ["proc/meminfo"]


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "C:\\x", "x\\..\\y", "C:/x", "./../y"])
def test_names_that_lead_out_are_left_out(tmp_path, name):
    path = zip_of(tmp_path / "c.zip", {name: b"bad", "lspci.txt": b"good"})
    opened = open_tree(path)
    assert opened.paths == ["lspci.txt"]
    assert len(opened.left_out) == 1


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "meminfo").write_text("MemTotal: 5 kB")
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "lspci.txt").write_text("")
    (folder / "meminfo").symlink_to(secret / "meminfo")
    (folder / "proc").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "cpuinfo")
    opened = open_tree(folder)
    assert opened.paths == ["lspci.txt"]
    assert len(opened.left_out) == 4


def test_links_and_devices_of_a_tar_are_left_out(tmp_path):
    members = []
    for name, kind in (("a", tarfile.SYMTYPE), ("b", tarfile.LNKTYPE), ("c", tarfile.CHRTYPE), ("d", tarfile.FIFOTYPE)):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        members.append((info, b""))
    path = tar_of(tmp_path / "c.tgz", [*members, (tarfile.TarInfo("lspci.txt"), b"x")])
    assert open_tree(path).paths == ["lspci.txt"]
    assert len(open_tree(path).left_out) == 4


def test_a_zip_bomb_is_refused(tmp_path):
    path = zip_of(tmp_path / "c.zip", {f"{index}.txt": bytes(4 * 1024 * 1024) for index in range(20)})
    assert path.stat().st_size < 1024 * 1024
    with pytest.raises(InputError, match="far more than a capture"):
        open_tree(path)


def test_a_tar_bomb_is_refused_although_its_content_is_passed_over(tmp_path):
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as file:
        info = tarfile.TarInfo("big")
        info.size = 80 * 1024 * 1024
        file.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(InputError, match="far more than a capture"):
        open_tree(tmp_path / "c.tar.gz")


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "MAX_FILES", 3)
    files = {f"{index}.txt": b"x" for index in range(5)}
    with pytest.raises(InputError, match="far more"):
        open_tree(zip_of(tmp_path / "c.zip", files))
    for name, data in files.items():
        (tmp_path / "f").mkdir(exist_ok=True)
        (tmp_path / "f" / name).write_bytes(data)
    with pytest.raises(InputError, match="more than 3"):
        open_tree(tmp_path / "f")


def test_a_large_archive_is_not_even_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_MAX_ARCHIVE_BYTES", 10)
    with pytest.raises(InputError, match="too large"):
        open_tree(zip_of(tmp_path / "c.zip", {"a": b"x"}))


def test_a_huge_file_is_read_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "MAX_FILE_BYTES", 100)
    (tmp_path / "meminfo").write_bytes(b"x" * 1000)
    assert len(open_tree(tmp_path).read("meminfo") or "") == 100


def test_damaged_archives_are_a_clear_error(tmp_path):
    whole = zip_of(tmp_path / "c.zip", {"lspci.txt": b"x" * 5000, "b": os.urandom(3000)}).read_bytes()
    packed = tar_of(tmp_path / "c.tar.gz", [(tarfile.TarInfo("lspci.txt"), os.urandom(4000))]).read_bytes()
    refused = []
    for name, data in (("d.zip", whole), ("d.tar.gz", packed)):
        for end in range(0, len(data), 97):
            (tmp_path / name).write_bytes(data[:end])
            try:
                open_tree(tmp_path / name)
            except InputError as error:
                refused.append(error)
    assert len(refused) > 10
    assert all(error.hint for error in refused)


def test_an_encrypted_member_is_left_out(tmp_path):
    path = zip_of(tmp_path / "c.zip", {"secret.txt": b"x", "lspci.txt": b"y"})
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02")
    (flags,) = struct.unpack_from("<H", data, start + 8)
    struct.pack_into("<H", data, start + 8, flags | 1)
    path.write_bytes(bytes(data))
    assert open_tree(path).paths == ["lspci.txt"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_of_every_system_is_read(encoding):
    assert decode("näme: 1\n".encode(encoding)) == "näme: 1\n"


def test_bytes_that_are_no_text_are_read_as_something():
    assert len(decode(bytes(range(256)))) == 256

import io
import random
import tarfile
import zipfile

import pytest

from effective_sparsity.datasets.archive import read_members
from effective_sparsity.errors import UserError


def everything(name):
    return True


@pytest.fixture
def tar(tmp_path):
    path = tmp_path / "a.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for name, content in {"a/1.txt": b"one", "a/2.txt": b"two"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("a/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


@pytest.fixture
def zipped(tmp_path):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b/3.txt", b"three")
        archive.writestr("b/4.txt", b"four")
    return path


def test_members_of_several_archives_come_together_and_links_stay_out(tar, zipped):
    found = read_members([tar, zipped], everything)
    assert found == {"a/1.txt": b"one", "a/2.txt": b"two", "b/3.txt": b"three", "b/4.txt": b"four"}


def test_only_what_is_wanted_is_read(tar, zipped):
    wanted = {"a/2.txt", "b/3.txt"}
    assert read_members([tar, zipped], wanted.__contains__).keys() == wanted


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.tar: not a zip or tar archive"):
        read_members([tmp_path / "x.tar"], everything)


@pytest.mark.parametrize("kind", ["xz", "gz", "bz2"])
def test_a_truncated_tar_archive_is_refused(tmp_path, kind, write_tar):
    path = tmp_path / f"x.tar.{kind}"
    write_tar(path, {"noise": random.Random(0).randbytes(1_000_000)})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="not a zip or tar archive"):
        read_members([path], everything)


def test_a_damaged_zip_archive_is_refused(zipped):
    zipped.write_bytes(zipped.read_bytes().replace(b"three", b"threw"))
    with pytest.raises(UserError, match="not a zip or tar archive"):
        read_members([zipped], everything)

"""Whatever names an archive holds: what comes out lies below the folder, or nothing does."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers.site_build.problem import SiteBuildError
from handlers.site_build.unpack import unpack
from tests.handlers.site_build.conftest import tarred, zipped

PART = st.sampled_from(["", ".", "..", "a", "b", "node_modules", "C:", "\\", "~", "-rf", "größe", "\n", " "]) | st.text(
    max_size=4
)
NAMES = st.lists(st.lists(PART, min_size=1, max_size=4).map("/".join), min_size=1, max_size=4, unique=True)


@settings(deadline=None, max_examples=150)
@given(NAMES, st.sampled_from([zipped, tarred]))
@example(["../evil"], tarred)
@example(["a", "a/b"], zipped)
@example(["/a"], zipped)
@example(["./a", "a"], zipped)
def test_nothing_leaves_the_folder(names, pack):
    try:
        data = pack(dict.fromkeys(names, b"content"))
    except (ValueError, IndexError):
        return  # no archive can hold such a name
    with TemporaryDirectory() as name:
        (Path(name) / "archive").write_bytes(data)
        folder = Path(name) / "deep" / "project"
        folder.mkdir(parents=True)
        try:
            found = unpack(Path(name) / "archive", folder)
        except SiteBuildError:
            pass
        else:
            files = [path for path in folder.rglob("*") if not path.is_dir()]
            assert len(files) == found.files
            assert all(path.is_file() and not path.is_symlink() for path in files)
        assert sorted(os.listdir(name)) == ["archive", "deep"]
        assert os.listdir(Path(name) / "deep") == ["project"]


def test_contents_and_the_executable_bit_survive(tmp_path):
    info = zipfile.ZipInfo("bin/run")
    info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o6777) << 16
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr(info, "#!/bin/sh")
        writer.writestr("plain.txt", "text")
        writer.writestr("empty/", "")
    (tmp_path / "out").mkdir()
    found = unpack(archive, tmp_path / "out")
    assert (found.files, found.size, found.names) == (2, 13, {"run", "plain.txt"})
    assert stat.S_IMODE((tmp_path / "out/bin/run").stat().st_mode) & 0o7100 == 0o100
    assert stat.S_IMODE((tmp_path / "out/plain.txt").stat().st_mode) & 0o7111 == 0
    assert (tmp_path / "out/empty").is_dir()


def test_a_tar_of_every_common_format_comes_out(tmp_path):
    for number, kind in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        name = "/".join(["folder" * 5] * (3 if kind == tarfile.USTAR_FORMAT else 6)) + "/ä.txt"
        archive, folder = tmp_path / f"{number}.tar.gz", tmp_path / str(number)
        folder.mkdir()
        (tmp_path / "file").write_text("text")
        with tarfile.open(archive, "w:gz", format=kind) as writer:
            writer.add(tmp_path / "file", name)
        assert unpack(archive, folder).files == 1
        assert (folder / name).read_text() == "text"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, method):
    """A small piece of them may hold gigabytes, which Python's zipfile would take out at once."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", method) as writer:
        writer.writestr("zeros", bytes(1000))
    (tmp_path / "out").mkdir()
    with pytest.raises(SiteBuildError, match=r"entry is 'zeros' in method 1\d, but must be stored or deflated"):
        unpack(archive, tmp_path / "out")


def test_an_encrypted_zip(tmp_path):
    archive = tmp_path / "a.zip"
    data = bytearray(zipped({"a.txt": "secret"}))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = data.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        data[at] |= 1
    archive.write_bytes(bytes(data))
    (tmp_path / "out").mkdir()
    with pytest.raises(SiteBuildError, match="without encryption"):
        unpack(archive, tmp_path / "out")

"""Unpacking: modes are kept, nothing leaves the folder, a failure leaves nothing.

Does not prove that Lambda and FC refuse the same zips; the control plane judges sizes at the deployment.
"""

from __future__ import annotations

import asyncio
import stat
import zipfile

import pytest

from localcloud.data import packages
from localcloud.data.packages import PackageError, Packages, unpack

from .conftest import make_zip


@pytest.fixture
def lay_out(tmp_path):
    def run(data: bytes):
        blob = tmp_path / "code.zip"
        blob.write_bytes(data)
        unpack(blob, tmp_path / "out" / "digest")
        return tmp_path / "out" / "digest"

    return run


def test_modes_are_kept_without_write_permission(lay_out):
    folder = lay_out(make_zip({"bootstrap": "#!/bin/sh", "a/b.txt": "x"}, {"bootstrap": 0o755}))

    assert stat.S_IMODE((folder / "bootstrap").stat().st_mode) == 0o555
    assert stat.S_IMODE((folder / "a/b.txt").stat().st_mode) == 0o444
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o555
    packages.remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil"])
def test_an_entry_that_leads_out_is_refused_and_leaves_nothing(lay_out, tmp_path, name):
    with pytest.raises(PackageError, match="leads out of its folder"):
        lay_out(make_zip({"ok": "1", name: "2"}))

    assert list((tmp_path / "out").iterdir()) == []


def test_links_are_refused(lay_out, tmp_path):
    blob = tmp_path / "link.zip"
    with zipfile.ZipFile(blob, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")

    with pytest.raises(PackageError, match="link or device"):
        lay_out(blob.read_bytes())


def test_an_entry_that_comes_twice_is_refused(lay_out, tmp_path):
    blob = tmp_path / "twice.zip"
    with zipfile.ZipFile(blob, "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")

    with pytest.raises(PackageError, match="twice"):
        lay_out(blob.read_bytes())


def test_a_bomb_is_stopped_by_what_it_unpacks_to(lay_out, monkeypatch):
    monkeypatch.setattr(packages, "MAX_UNPACKED_BYTES", 1 << 20)

    with pytest.raises(PackageError, match="unpacks to more than 1048576 bytes"):
        lay_out(make_zip({"a": b"\0" * (900 << 10), "b": b"\0" * (900 << 10)}))


def test_no_zip_and_no_blob_are_told_in_one_sentence(lay_out, tmp_path):
    with pytest.raises(PackageError, match="not a readable zip"):
        lay_out(b"nonsense")
    with pytest.raises(PackageError, match="not a readable zip"):
        unpack(tmp_path / "missing", tmp_path / "target")


async def test_the_same_digest_is_unpacked_once_for_many_callers(tmp_path, monkeypatch):
    blob = tmp_path / "code.zip"
    blob.write_bytes(make_zip({"a": "1"}))
    calls = []
    real = packages.unpack
    monkeypatch.setattr(packages, "unpack", lambda *arguments: (calls.append(1), real(*arguments)))
    kept = Packages(tmp_path / "code")

    folders = await asyncio.gather(*(kept.folder("digest", blob) for _ in range(20)))

    assert len(set(folders)) == 1
    assert len(calls) == 1

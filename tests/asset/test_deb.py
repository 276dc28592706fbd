"""The interpreter out of the distribution's packages, through apt: both processors, and what can go wrong.

Does not prove: a start on arm64; the emulator tests have that.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import zipfile

import pytest

from asset import audit, elf
from asset.sources import deb
from asset.targets import TARGETS, named
from rules.finding import UserError
from tests.asset.conftest import NATIVE, OTHER, write_project
from tests.asset.test_sources import build, machines, started, unpack


@pytest.fixture(scope="module")
def built_from_packages(deb_lock, tmp_path_factory):
    root = write_project(tmp_path_factory.mktemp("deb"))
    shutil.copy(deb_lock, root)
    return build(root, "deb", "", targets=("al2023",))


def test_starts(built_from_packages, tmp_path):
    answer, told = started(unpack(built_from_packages, tmp_path))
    assert answer["executable"] == str(tmp_path / f"python/bin/python3.{sys.version_info.minor}")
    assert answer["isolated"] == [1, 1, 1]
    assert told == "['-c', 'word']"


def test_needs_nothing_of_any_image(built_from_packages):
    targets = [target for target in TARGETS if NATIVE in target.architectures]
    assert audit.findings(built_from_packages, targets) == []


def test_names_packages_and_sources_beside_their_licences(built_from_packages):
    with zipfile.ZipFile(built_from_packages) as archive:
        names = archive.namelist()
        index = archive.read("python/licenses/README").decode()
    minor = f"python3.{sys.version_info.minor}"
    assert f"{minor}: package {minor}-minimal, source {minor} " in index
    assert "libc.so.6: package libc6, source glibc " in index
    assert "no package" not in index
    packages = {line.split("package ")[1].split(",")[0] for line in index.splitlines() if ": package " in line}
    assert {f"python/licenses/{package}.txt" for package in packages} <= set(names)
    assert not [name for name in names for part in ("readline", "gdbm", "libdb-") if part in name]


def test_for_the_other_processor(deb_lock, tmp_path):
    root = write_project(tmp_path)
    shutil.copy(deb_lock, root)
    path = build(root, "deb", OTHER, targets=("al2023",))
    assert machines(path) == {{"x86_64": elf.X86_64, "arm64": elf.AARCH64}[OTHER]}
    assert audit.findings(path, [named("al2023")]) == []


def test_lock_keeps_what_else_is_pinned(deb_lock, tmp_path):
    archive = {"archive": {NATIVE: {"source": "python.tar", "sha256": "0" * 64}}}
    (tmp_path / deb.LOCK).write_text(json.dumps(archive))
    locked = json.loads(deb.lock(tmp_path, NATIVE).read_text())
    assert locked == archive | {"deb": {NATIVE: json.loads(deb_lock.read_text())["deb"][NATIVE]}}


@pytest.fixture
def refused(tmp_path):
    root = write_project(tmp_path / "project")

    def said(pins):
        if pins is not None:
            (root / deb.LOCK).write_text(json.dumps({"deb": {NATIVE: pins}}))
        with pytest.raises(UserError) as caught:
            build(root, "deb", "", targets=("al2023",))
        trees = root / "dist/cache/trees"
        assert not trees.exists() or {path.suffix for path in trees.iterdir()} == {".new"}
        return str(caught.value)

    return said


needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt")


@pytest.mark.parametrize("pins", [None, [{"source": "http://127.0.0.1/a.deb"}], [{"source": "a", "sha256": "newest"}]])
def test_unpinned_packages_are_refused(pins, refused):
    assert f"run `python -m asset --architecture {NATIVE} lock`" in refused(pins)


@needs_apt
def test_another_file_than_the_pinned_one_is_refused(refused, tmp_path):
    path = tmp_path / "package.deb"
    path.write_bytes(b"another")
    said = refused([{"source": f"copy:{path}", "sha256": "0" * 64}])
    assert "download is 'Failed to fetch copy:" in said
    assert "Hash Sum mismatch" in said


@needs_apt
def test_source_that_does_not_answer(refused):
    assert "Failed to fetch http://127.0.0.1:1/a.deb" in refused(
        [{"source": "http://127.0.0.1:1/a.deb", "sha256": "0" * 64}]
    )


@needs_apt
def test_file_that_is_no_package(refused, tmp_path):
    path = tmp_path / "package.deb"
    path.write_bytes(b"no archive")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert "but must be a whole Debian package" in refused([{"source": f"copy:{path}", "sha256": digest}])


def test_packages_of_another_python(deb_lock, tmp_path, monkeypatch):
    root = write_project(tmp_path)
    shutil.copy(deb_lock, root)
    monkeypatch.setattr(deb, "_minor", lambda: "python3.99")
    with pytest.raises(UserError, match=r"must be python3\.99, the running Python's version"):
        build(root, "deb", "", targets=("al2023",))
    with pytest.raises(UserError, match=r"Unable to locate package python3\.99-minimal"):
        deb.lock(root, NATIVE)


def test_machine_without_apt(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "missing program is 'apt-get'" in refused([{"source": "http://127.0.0.1:1/a.deb", "sha256": "0" * 64}])
    with pytest.raises(UserError, match="set `interpreter` to wheel or archive"):
        deb.lock(tmp_path, NATIVE)


def test_lock_file_that_is_no_json(deb_lock, tmp_path):
    (tmp_path / deb.LOCK).write_text("[")
    with pytest.raises(UserError, match="a lock file in JSON"):
        deb.lock(tmp_path, NATIVE)

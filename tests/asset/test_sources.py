"""Interpreters that are not the host's: what goes into the zip, and that it starts where this machine can start it.

Does not prove: a start on arm64 (the emulator tests have that) or on an old glibc; the audit compares symbol versions.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from asset import Plan, audit, build_function, elf
from asset.binaries import newest_versions
from asset.sources import host
from asset.targets import TARGETS, named
from rules.finding import UserError
from tests.asset.conftest import NATIVE, pin_archive, write_project

SCRIPT = """\
import asyncio, bz2, concurrent.futures, ctypes, decimal, email.mime.text, hashlib, http.client, importlib.metadata
import json, lzma, logging.handlers, multiprocessing, socket, sqlite3, ssl, subprocess, sys, unittest.mock, uuid
import xml.etree.ElementTree, zlib, zoneinfo
assert "云".encode("gb18030") and "日本".encode("shift_jis") and "한".encode("euc_kr")
assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
    child = [sys.executable, "-I", "-X", "utf8", "-c", "import sys; print(sys.argv)", "word"]
    print(subprocess.run(child, capture_output=True, text=True, check=True).stdout.strip())
    tool = subprocess.run([sys.executable, "-m", "json.tool"], input="[1]", capture_output=True, text=True, check=True)
    assert json.loads(tool.stdout) == [1]
"""


def build(root, *choices, targets=("al2023", "debian10")):
    plan = Plan.named(*choices, "", targets)
    build_function(root, "handlers.hello.handler", "handlers.edge.handler", plan=plan)
    return root / "dist/function.zip"


def unpack(path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        for info in archive.infolist():
            (folder / info.filename).chmod(info.external_attr >> 16 & 0o777)
    return folder


def machines(path):
    with zipfile.ZipFile(path) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    return {elf.parse(content).machine for content in contents if elf.is_elf(content)}


def started(folder):
    """What the stand-in for the runtime prints, and what a script says about the interpreter."""
    answer = subprocess.run([folder / "bootstrap"], env={}, capture_output=True, text=True, check=True)
    script = folder / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    program = json.loads(answer.stdout)["executable"]
    told = subprocess.run([program, "-I", "-S", script], env={}, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return json.loads(answer.stdout), told.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    root = write_project(tmp_path_factory.mktemp("wheel"))
    return build(root, "wheel", "", targets=("al2023",))


def test_wheel_starts(wheel, tmp_path):
    answer, told = started(unpack(wheel, tmp_path))
    assert answer["executable"] == str(tmp_path / f"python/bin/python3.{sys.version_info.minor}")
    assert answer["isolated"] == [1, 1, 1]
    assert told == "['-c', 'word']"


def test_wheel_needs_no_more_than_the_oldest_image_has(wheel):
    targets = [target for target in TARGETS if NATIVE in target.architectures]
    assert audit.findings(wheel, targets) == []
    with zipfile.ZipFile(wheel) as archive:
        heads = [elf.parse(data) for data in map(archive.read, archive.namelist()) if elf.is_elf(data)]
    newest = [newest_versions(names).get("GLIBC", ()) for head in heads for names in head.versions.values()]
    assert max(newest) <= (2, 17)


def test_wheel_leaves_gpl_parts_out(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in names for part in ("readline", "gdbm", "curses", "tkinter") if part in name]


def test_wheel_carries_the_licence_of_every_part(wheel):
    with zipfile.ZipFile(wheel) as archive:
        texts = {Path(name).name: archive.read(name) for name in archive.namelist() if "/licenses/" in name}
        carried = {Path(name).name for name in archive.namelist() if "/freeze_core.libs/" in name}
    named_texts = dict(line.split(": ", 1) for line in texts["README"].decode().splitlines() if ".txt" in line)
    assert set(named_texts) == carried
    assert {text for line in named_texts.values() for text in line.split(", ")} <= set(texts)
    assert b"PYTHON SOFTWARE FOUNDATION LICENSE" in texts["CPython.txt"]
    for part in (b"Expat", b"libmpdec", b"Mersenne Twister"):
        assert part.lower() in texts["CPython-incorporated.txt"].lower()
    assert {"auditwheel.cdx.json", "LICENSE"} <= set(texts)


def test_wheel_for_the_other_processor(tmp_path):
    other = {"x86_64": "arm64", "arm64": "x86_64"}[NATIVE]
    path = build(write_project(tmp_path), "wheel", other, targets=("al2023",))
    assert machines(path) == {{"x86_64": elf.X86_64, "arm64": elf.AARCH64}[other]}
    assert audit.findings(path, [named("al2023")]) == []
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("manifest.json"))["architecture"] == other


# --- archive


def build_archive(root):
    """For an image with this machine's glibc, since the tarball holds this machine's Python."""
    here = tuple(map(int, host.locate().glibc.split(".")))
    image = dataclasses.replace(named("debian12"), versions={**named("debian12").versions, "GLIBC": here})
    plan = Plan("archive", "", "", (image,))
    build_function(root, "handlers.hello.handler", "handlers.edge.handler", plan=plan)
    return root / "dist/function.zip"


def test_archive_starts(tarball, tmp_path):
    root = write_project(tmp_path / "project")
    pin_archive(root, tarball)
    answer, told = started(unpack(build_archive(root), tmp_path / "code"))
    assert answer["executable"].startswith(str(tmp_path / "code/python/bin/"))
    assert told == "['-c', 'word']"


@pytest.fixture
def refused(tmp_path):
    root = write_project(tmp_path / "project")

    def said():
        with pytest.raises(UserError) as caught:
            build_archive(root)
        assert not list((root / "dist/cache/trees").glob("archive-????????????????"))
        return str(caught.value)

    return root, said


def test_unpinned_archive_is_refused(refused, tarball):
    root, said = refused
    assert "is 'not pinned', but must be in interpreter.lock.json" in said()
    pin_archive(root, tarball, digest="latest")
    assert "64 hex digits" in said()
    pin_archive(root, tarball, digest="0" * 64)
    assert "sha256 is '" in said()


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside-of-the-archive"])
def test_archive_that_leads_outside_is_refused(name, refused, tmp_path):
    root, said = refused
    path = tmp_path / "hostile.tar"
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, name
    with tarfile.open(path, "w") as archive:
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo(name))
    pin_archive(root, path)
    assert "stays inside its folder" in said()
    assert not (tmp_path / "outside").exists()


def test_archive_that_is_no_python(refused, tmp_path):
    root, said = refused
    path = tmp_path / "something.tar"
    path.write_bytes(b"no tarball")
    pin_archive(root, path)
    assert "a whole tarball" in said()
    pin_archive(root, tmp_path / "nowhere.tar", digest="0" * 64)
    assert "a file that can be read" in said()


def test_host_cannot_build_for_another_processor(tmp_path):
    other = {"x86_64": "arm64", "arm64": "x86_64"}[NATIVE]
    with pytest.raises(UserError, match="set `interpreter` to wheel, deb or archive"):
        build(write_project(tmp_path), "host", other)


def test_unknown_source_is_refused(tmp_path):
    with pytest.raises(UserError, match="interpreter: source is 'conda'"):
        build(write_project(tmp_path), "conda", "")

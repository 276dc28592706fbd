"""Interpreters that are not the host's: what goes into the zip, and that it starts where this machine can start it.

Does not prove: a start on arm64 (the emulator tests have that) or on an old glibc; the audit compares symbol versions.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import zipfile

import pytest

from asset import Plan, audit, build_function, elf
from asset.binaries import newest_versions
from asset.targets import TARGETS, named
from rules.finding import UserError
from tests.asset.conftest import write_project

NATIVE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
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
    assert {"python/licenses/CPython.txt", "python/licenses/README"} <= set(names)


def test_wheel_for_the_other_processor(tmp_path):
    other = {"x86_64": "arm64", "arm64": "x86_64"}[NATIVE]
    path = build(write_project(tmp_path), "wheel", other, targets=("al2023",))
    assert machines(path) == {{"x86_64": elf.X86_64, "arm64": elf.AARCH64}[other]}
    assert audit.findings(path, [named("al2023")]) == []
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("manifest.json"))["architecture"] == other


def test_host_cannot_build_for_another_processor(tmp_path):
    other = {"x86_64": "arm64", "arm64": "x86_64"}[NATIVE]
    with pytest.raises(UserError, match="set `interpreter` to wheel"):
        build(write_project(tmp_path), "host", other)


def test_unknown_source_is_refused(tmp_path):
    with pytest.raises(UserError, match="interpreter: source is 'conda'"):
        build(write_project(tmp_path), "conda", "")

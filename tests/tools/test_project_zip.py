"""The zip of a front-end project."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from tools.problem import Problem
from tools.project_zip import packed

DEMO = Path(__file__).resolve().parents[2] / "demo/site"


@pytest.fixture
def project(tmp_path):
    for name in ("package.json", "src/b.js", "src/a.js", "src/é.js", ".npmrc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def entries(data: bytes) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {entry.filename: entry for entry in archive.infolist()}


def test_it_holds_every_file_in_order(project):
    data = packed(project)
    assert list(entries(data)) == [".npmrc", "package.json", "src/a.js", "src/b.js", "src/é.js"]
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.read("src/b.js") == b"src/b.js"


def test_the_same_files_are_the_same_bytes_whatever_their_dates_and_masks(project):
    before = packed(project)
    for path in project.rglob("*"):
        os.utime(path, (1, 1))
    (project / "src/a.js").chmod(0o600)
    assert packed(project) == before


def test_what_npm_and_the_build_made_stays_out_at_any_depth(project):
    before = packed(project)
    for name in ("node_modules/react/index.js", "dist/index.html", "packages/ui/node_modules/x/index.js"):
        (project / name).parent.mkdir(parents=True)
        (project / name).touch()
    assert packed(project) == before


def test_a_program_stays_one(project):
    (project / "src/a.js").chmod(0o755)
    modes = {name: entry.external_attr >> 16 for name, entry in entries(packed(project)).items()}
    assert modes["src/a.js"] == 0o100755
    assert modes["src/b.js"] == 0o100644


def test_a_link_is_refused_and_so_is_a_folder_without_a_project(project):
    (project / "src/link.js").symlink_to("/etc/hostname")
    with pytest.raises(Problem, match=r"link\.js is a symbolic link"):
        packed(project)
    (project / "src/link.js").unlink()
    (project / "node_modules").symlink_to("/usr")
    packed(project)
    (project / "package.json").unlink()
    with pytest.raises(Problem, match=r"no package\.json"):
        packed(project)


def test_the_demo_can_be_built_anywhere():
    names = set(entries(packed(DEMO)))
    assert {"package.json", "package-lock.json", ".npmrc", "index.html", "src/main.jsx"} <= names
    lock = (DEMO / "package-lock.json").read_text()
    assert '"resolved"' not in lock, "the lock file names the registry of one machine"
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')

"""Zips of the sources that fetch their interpreter: the same bytes from two places in two ways.

Does not prove: the same bytes on two machines; the compressor and the compiler are the building Python's. What the
default source gives is in test_build.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import asset
from tests.asset.conftest import pin_archive, write_project

PROJECT = Path(asset.__file__).parents[1]
BUILD = """
import os, sys
os.umask(int(sys.argv[1], 8))
import dataclasses
from pathlib import Path
from asset import Plan, build_function
from asset.targets import named
image = named("debian12")
image = dataclasses.replace(image, versions={**image.versions, "GLIBC": (2, 99)})
plan = Plan(sys.argv[2], "", "", (image,))
build_function(Path(), "handlers.hello.handler", "handlers.edge.handler", plan=plan)
"""
WAYS = {
    "one/clone": {"mask": "022", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
    "another and/much longer/place": {"mask": "077", "TZ": "Asia/Hong_Kong", "LC_ALL": "C", "PYTHONHASHSEED": "4711"},
}
PINNED = "markupsafe==3.0.4\nidna==3.11\n"


@pytest.mark.parametrize("source", ["host", "wheel", "archive", "deb"])
def test_same_bytes(source, request, tmp_path):
    digests = set()
    for place, way in WAYS.items():
        code, root = tmp_path / place / "code", write_project(tmp_path / place / "project")
        for package in ("asset", "rules"):
            shutil.copytree(PROJECT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
        (root / "handlers/requirements.txt").write_text(PINNED)
        if source == "archive":
            pin_archive(root, request.getfixturevalue("tarball"))
        if source == "deb":
            shutil.copy(request.getfixturevalue("deb_lock"), root)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(code), **way}
        command = [sys.executable, "-c", BUILD, environment.pop("mask"), source]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        digests.add(hashlib.sha256((root / "dist/function.zip").read_bytes()).hexdigest())
    assert len(digests) == 1

"""The built zip in a Debian 11 that has another C library and no Python, and the one for arm64 under QEMU.

Does not prove: speed or memory on a real ARM processor, nor that Function Compute's Debian 11 holds just these
packages.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest

from asset import Plan, build_function
from tests.emulator import fetch, room
from tests.emulator.conftest import PROJECT
from tests.emulator.test_fc import Instance

pytestmark = pytest.mark.emulator

DEBIAN = ("libc6", "libcrypt1", "libgcc-s1", "libstdc++6", "zlib1g", "dash", "base-files")
ARM = ("libc6", "libcrypt1", "libgcc-s1", "zlib1g")
SCRIPT = """\
import asyncio, ctypes, hashlib, json, lzma, platform, sqlite3, ssl, sys
context = ssl.create_default_context()
answer = sqlite3.connect(":memory:").execute("select 42").fetchone()
print(json.dumps([platform.machine(), "云".encode("gbk").hex(), answer]))
"""


@pytest.fixture(scope="module")
def debian11(package):
    if "chroot" not in room.ways():
        pytest.skip("this machine allows no chroot: it needs root")
    system = fetch.debian("bullseye", {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()], DEBIAN)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield room.Room(Path(name) / "root", package, None, system)


def test_debian_11_without_python(debian11, tmp_path):
    root = debian11.folder
    assert not list(root.glob("usr/bin/python*"))
    assert list(root.glob("lib/*/libc-2.31.so"))
    port, log = room.free_port(), tmp_path / "log"
    environment = {"FC_CUSTOM_LISTEN_PORT": str(port), "FC_FUNCTION_HANDLER": "handlers.probe.handler"}
    with debian11.running("chroot", ["/code/bootstrap"], environment, log, port):
        instance = Instance(port, log)
        assert instance.initialize()[0] == 200, log.read_text(errors="replace")
        facts = json.loads(instance.invoke({"do": "facts"})[2])
        assert (facts["tls"], facts["gbk"], facts["sqlite"], facts["child"]) == (True, "d4c6", 42, True)
        assert json.loads(instance.invoke({"do": "wheel"})[2]) == ["&lt;", "deps"]


@pytest.mark.skipif(platform.machine() == "aarch64", reason="here the other tests run on arm64 as it is")
def test_arm64_under_emulation(tmp_path):
    root = tmp_path / "project"
    for folder in ("runtime", "handlers"):
        shutil.copytree(PROJECT / folder, root / folder)
    plan = Plan.named("wheel", "arm64", "", ["al2023"])
    package = root / build_function(root, "handlers.hello.handler", "handlers.edge.handler", plan=plan).path
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "code")
    (program,) = (tmp_path / "code/python/bin").glob("python3.*")
    program.chmod(0o755)
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    system = fetch.debian("bookworm", "arm64", ARM)
    command = [fetch.foreign_processor(), "-L", system, program, "-I", tmp_path / "script.py"]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["aarch64", "d4c6", [42]]

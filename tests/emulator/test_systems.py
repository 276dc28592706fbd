"""The built zip in a Debian 11 without Python, one that Debian 13's Python built, and those for arm64 under QEMU.

Does not prove: speed or memory on a real ARM processor, nor that Function Compute's Debian 11 holds just these
packages.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from asset import Plan, build_function
from asset.sources import deb
from tests.emulator import fetch, room
from tests.emulator.conftest import PROJECT
from tests.emulator.test_fc import Instance

pytestmark = pytest.mark.emulator

DEBIAN = ("libc6", "libcrypt1", "libgcc-s1", "libstdc++6", "zlib1g", "dash", "base-files")
ARM = ("libc6", "libcrypt1", "libgcc-s1", "zlib1g")
PYTHON_313 = (
    *("python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib", "libc6", "libgcc-s1", "base-files"),
    *("libssl3t64", "libexpat1", "zlib1g", "libsqlite3-0", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1", "libzstd1"),
)
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


@pytest.fixture(scope="module")
def from_debian_13():
    """A root with the project's zip as the Python and glibc of Debian 13 build it."""
    if "namespace" not in room.ways():
        pytest.skip("this machine allows no unprivileged user namespaces")
    system = fetch.debian("trixie", {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()], PYTHON_313)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = Path(name) / "builder"
        shutil.copytree(system, root, symlinks=True)
        for folder in ("asset", "rules", "runtime", "handlers"):
            shutil.copytree(PROJECT / folder, root / "project" / folder, ignore=shutil.ignore_patterns("__pycache__"))
        enter = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
        enter += ["--root", str(root), "--mount-proc", "--wd", "/project"]
        done = subprocess.run(
            [*enter, "/usr/bin/python3.13", "-B", "-m", "asset"], env={}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        yield room.Room(Path(name) / "root", root / "project/dist/function.zip", fetch.shell())


def test_zip_of_another_minor_version(from_debian_13, tmp_path):
    root = from_debian_13.folder
    assert json.loads((root / "code/manifest.json").read_text())["python"].startswith("3.13.")
    port, log = room.free_port(), tmp_path / "log"
    environment = {"FC_CUSTOM_LISTEN_PORT": str(port), "FC_FUNCTION_HANDLER": "handlers.hello.handler"}
    with from_debian_13.running("namespace", ["/code/bootstrap"], environment, log, port):
        instance = Instance(port, log)
        assert instance.initialize()[0] == 200, log.read_text(errors="replace")
        assert json.loads(instance.invoke({"firstName": "Rustacean"})[2]) == {"message": "Hello, Rustacean!"}
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [root / "code/python/bin/python3.13", "-I", script], env={}, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [platform.machine(), "d4c6", [42]]


@pytest.mark.skipif(platform.machine() == "aarch64", reason="here the other tests run on arm64 as it is")
@pytest.mark.parametrize("source", ["wheel", "deb"])
def test_arm64_under_emulation(source, tmp_path):
    root = tmp_path / "project"
    for folder in ("runtime", "handlers"):
        shutil.copytree(PROJECT / folder, root / folder)
    if source == "deb":
        deb.lock(root, "arm64")
    plan = Plan.named(source, "arm64", "", ["al2023"])
    package = root / build_function(root, "handlers.hello.handler", "handlers.edge.handler", plan=plan).path
    room.unpack(package, tmp_path / "code")
    (program,) = (tmp_path / "code/python/bin").glob("python3.*.bin" if source == "deb" else "python3.*")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    if source == "deb":
        lib = tmp_path / "code/python/lib"
        start = [lib / "ld-linux-aarch64.so.1", "--inhibit-cache", "--library-path", lib, "--argv0", program]
    else:
        start = ["-L", fetch.debian("bookworm", "arm64", ARM)]
    command = [fetch.foreign_processor(), *start, program, "-I", tmp_path / "script.py"]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["aarch64", "d4c6", [42]]

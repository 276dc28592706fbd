"""Both zips as the builder makes them: their bytes, the cache, wrong input, and a start on this host.

Does not prove: that a cloud starts the zip; nor that another host's Python gives the same bytes (it does not: the
interpreter is the host's).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import asset
from asset import build_edge, build_function, pack, targets
from asset.sources import host
from rules.finding import UserError

HANDLER = "handlers.hello.handler"
EDGE = "handlers.edge.handler"
PROJECT = Path(asset.__file__).parents[1]

POLLUTED = """
import asyncio, email.message, gc, http.server, sqlite3, sys, unittest.mock, xml.dom.minidom
held = [sys.intern(name) for module in list(sys.modules.values()) for name in vars(module)] * 3
held += [sys.intern(chr(code)) for code in range(256)]
from pathlib import Path
from asset import build_function
print(build_function(Path(), "handlers.hello.handler", "handlers.edge.handler").sha256)
"""
"""Builds in a process that holds many of the strings that sources consist of."""


def run(root, *arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def in_zip(root, name="function.zip"):
    with zipfile.ZipFile(root / "dist" / name) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


# --- bytes


def test_same_bytes_wherever_and_however_it_is_built(built, tmp_path):
    code = tmp_path / "another place" / "of the builder"
    shutil.copytree(PROJECT / "asset", code / "asset", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "rules", code / "rules", ignore=shutil.ignore_patterns("__pycache__"))
    root = tmp_path / "another/and much longer/path"
    for path in sorted(built.rglob("*.py"), reverse=True):
        target = root / path.relative_to(built)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
        os.utime(target, (1, 1))
    tools = tmp_path / "tools"  # no strip, no objcopy, no readelf
    tools.mkdir()
    for name in ("dpkg", "dpkg-query"):
        if program := shutil.which(name):
            (tools / name).symlink_to(program)
    script = f"import os; os.umask(0o077)\n{POLLUTED}"
    result = run(
        root,
        "-c",
        script,
        PYTHONPATH=str(code),
        PATH=str(tools),
        TZ="Asia/Hong_Kong",
        LC_ALL="C",
        PYTHONHASHSEED="4711",
        SOURCE_DATE_EPOCH="1",
        COLUMNS="40",
    )
    assert result.returncode == 0, result.stderr
    assert (root / "dist/function.zip").read_bytes() == (built / "dist/function.zip").read_bytes()


def test_entries_carry_no_trace_of_the_machine(members):
    assert {info.date_time for info in members.values()} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.create_system for info in members.values()} == {3}
    assert {info.compress_type for info in members.values()} == {zipfile.ZIP_DEFLATED}
    modes = {name: info.external_attr >> 16 for name, info in members.items()}
    assert set(modes.values()) == {stat.S_IFREG | 0o755, stat.S_IFREG | 0o644}
    programs = {name for name, mode in modes.items() if mode & 0o111}
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    loader = next(name for name in members if "/ld-linux" in name)
    assert programs == {"bootstrap", f"python/bin/{version}", f"python/bin/{version}.bin", loader}


def test_project_itself_takes_little(tmp_path):
    for folder in ("runtime", "handlers"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    path = tmp_path / build_function(tmp_path, HANDLER, EDGE).path
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.compress_size for info in archive.infolist()}
    assert path.stat().st_size <= 12.5e6
    ours = sum(size for name, size in sizes.items() if name.startswith("runtime/"))
    assert ours + sizes["handlers/hello.pyc"] + sizes["handlers/__init__.pyc"] + sizes["bootstrap"] <= 120e3


def test_no_file_name_of_this_machine_in_bytecode(built):
    for name, content in in_zip(built).items():
        if name.endswith(".pyc") and "_sysconfigdata" not in name:
            assert sys.base_prefix.encode() not in content, name
            assert str(built).encode() not in content, name


def test_manifest_says_what_is_inside_and_nothing_of_when_and_where(built):
    manifest = json.loads(in_zip(built)["manifest.json"])
    assert list(manifest) == sorted(manifest)
    digest = manifest.pop("digest")
    assert len(digest) == 64
    python = host.locate()
    assert manifest == {
        "architecture": python.architecture,
        "glibc": python.glibc,
        "handler": HANDLER,
        "python": python.version,
    }


def test_standard_library_is_trimmed_but_not_of_what_functions_need(members):
    kept = ("asyncio/__init__", "ssl", "sqlite3/__init__", "zoneinfo/__init__", "encodings/gb18030", "unittest/mock")
    dropped = ("test", "idlelib", "tkinter", "ensurepip", "turtle", "site-packages", "curses", "lib2to3")
    folder = next(name for name in members if name.endswith("/os.pyc")).removesuffix("os.pyc")
    assert all(f"{folder}{name}.pyc" in members for name in kept)
    assert any(name.startswith(f"{folder}_sysconfigdata_") for name in members)
    assert {"_codecs_cn", "_codecs_tw", "_codecs_jp", "_codecs_kr", "_codecs_hk", "_codecs_iso2022"} <= {
        name.split("/")[-1].split(".")[0] for name in members
    }
    assert not [
        name for name in members for drop in dropped if name.startswith((f"{folder}{drop}/", f"{folder}{drop}."))
    ]
    assert not [name for name in members if name.endswith((".py", ".a", ".h"))]
    assert not [name for name in members if "readline" in name or "gdbm" in name]


def test_licences_name_every_library(built):
    content = in_zip(built)
    index = content["python/licenses/README"].decode()
    libraries = [name for name in content if name.startswith("python/lib/") and name.count("/") == 2]
    assert len(libraries) > 10
    assert all(f"{Path(name).name}: " in index for name in libraries)
    assert b"PYTHON SOFTWARE FOUNDATION LICENSE" in content["python/licenses/CPython.txt"]


def test_data_files_and_programs_of_handlers_go_along_and_leftovers_do_not(project):
    files = {"words.txt": "云", "deep/tool": "#!/bin/sh\n", ".hidden": "", "old.pyc": "", "__pycache__/x.pyc": ""}
    for name, text in files.items():
        path = project / "handlers" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (project / "handlers/deep/tool").chmod(0o700)
    build_function(project, HANDLER, EDGE)
    with zipfile.ZipFile(project / "dist/function.zip") as archive:
        found = {info.filename: info for info in archive.infolist() if info.filename.startswith("handlers/")}
        assert archive.read("handlers/words.txt").decode() == "云"
    modules = {f"handlers/{name}.pyc" for name in ("__init__", "hello")}
    assert set(found) == modules | {"handlers/words.txt", "handlers/deep/tool"}
    assert found["handlers/deep/tool"].external_attr >> 16 & 0o777 == 0o755


# --- start on this host


@pytest.mark.parametrize("way", ["absolute", "relative", "sh", "elsewhere"])
def test_zip_starts(way, unpacked, tmp_path):
    place = {"elsewhere": tmp_path}.get(way, unpacked)
    command = {"relative": ["./bootstrap"], "sh": ["/bin/sh", "bootstrap"]}.get(way, [unpacked / "bootstrap"])
    environment = {"SSL_CERT_FILE": "/mine.pem", "PYTHONHOME": "/nowhere", "LD_LIBRARY_PATH": "/nowhere"}
    result = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    answer = json.loads(result.stdout)
    assert Path(answer.pop("executable")).resolve() == unpacked / "python/bin" / version
    assert answer == {"isolated": [1, 1, 1], "certificates": "/mine.pem", "file": "handlers/hello.py"}


def test_bundled_python_is_a_python(unpacked):
    script = """
import asyncio, bz2, concurrent.futures, ctypes, decimal, email.message, hashlib, http.client, json, logging, lzma
import multiprocessing, socket, sqlite3, ssl, subprocess, sys, unittest.mock, uuid, xml.etree.ElementTree, zlib
import sysconfig, zoneinfo
assert "云".encode("gb18030") and "日本".encode("shift_jis") and "한".encode("euc_kr")
assert zoneinfo.TZPATH is not None and hashlib.sha3_256(b"").hexdigest()
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
    print(ssl.OPENSSL_VERSION)
"""
    (program,) = [path for path in (unpacked / "python/bin").iterdir() if path.suffix != ".bin"]
    path = unpacked / "script.py"
    path.write_text(script, encoding="utf-8")
    result = subprocess.run([program, "-I", "-S", path], env={}, capture_output=True, text=True, check=False)
    path.unlink()
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("OpenSSL ")


# --- cache


def test_unchanged_build_is_quick_and_touches_nothing(project):
    first = build_function(project, HANDLER, EDGE)
    edge = build_edge(project, "handlers.edge.handler")
    before = {path: path.stat().st_mtime_ns for path in (project / "dist").rglob("*.*")}
    durations = []
    for _ in range(5):
        start = time.perf_counter()
        assert build_function(project, HANDLER, EDGE) == first
        assert build_edge(project, "handlers.edge.handler") == edge
        durations.append(time.perf_counter() - start)
    assert min(durations) <= 0.3
    assert {path: path.stat().st_mtime_ns for path in (project / "dist").rglob("*.*")} == before


def test_package_describes_the_zip(project):
    package = build_function(project, HANDLER, EDGE)
    content = (project / package.path).read_bytes()
    assert package.path == Path("dist/function.zip")
    assert package.sha256 == pack.hashlib.sha256(content).hexdigest()
    assert package.size == len(content)
    assert package.unpacked_size == sum(len(data) for data in in_zip(project).values())


def test_change_of_a_handler_leaves_the_interpreter_alone(project):
    base = project / "dist/cache/interpreter.zip"
    written, before = base.stat().st_mtime_ns, in_zip(project)
    path = project / "handlers/hello.py"
    path.write_text(path.read_text(encoding="utf-8").replace("event, context", "event, _"), encoding="utf-8")
    build_function(project, HANDLER, EDGE)
    after = in_zip(project)
    assert base.stat().st_mtime_ns == written
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "handlers/hello.pyc",
        "manifest.json",
    }


def test_change_back_gives_the_bytes_back(project):
    content = (project / "dist/function.zip").read_bytes()
    extra = project / "handlers/extra.py"
    extra.write_text("x = 1")
    assert build_function(project, HANDLER, EDGE).sha256 != pack.hashlib.sha256(content).hexdigest()
    extra.unlink()
    build_function(project, HANDLER, EDGE)
    assert (project / "dist/function.zip").read_bytes() == content


def test_another_handlers_name_is_another_zip(project):
    assert build_function(project, EDGE, HANDLER).sha256 != build_function(project, HANDLER, EDGE).sha256


def test_function_zip_does_not_change_with_the_edge_handler(project):
    before = build_function(project, HANDLER, EDGE)
    assert "handlers/edge.pyc" not in in_zip(project, "function.zip")
    (project / "handlers/edge.py").write_text("def handler(event, context): return 2\n")
    assert build_function(project, HANDLER, EDGE) == before


def test_function_zip_keeps_an_edge_handler_that_its_own_imports(project):
    (project / "handlers/hello.py").write_text("from handlers.edge import handler\n")
    build_function(project, HANDLER, EDGE)
    assert "handlers/edge.pyc" in in_zip(project, "function.zip")


def test_edge_zip_does_not_change_with_other_handlers(project):
    before = build_edge(project, "handlers.edge.handler")
    (project / "handlers/hello.py").write_text("def handler(event, context): return 2\n")
    assert build_edge(project, "handlers.edge.handler") == before
    (project / "handlers/edge.py").write_text("def handler(event, context): return 2\n")
    assert build_edge(project, "handlers.edge.handler") != before
    assert set(in_zip(project, "edge.zip")) == {"handlers/__init__.py", "handlers/edge.py"}


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda _: b"", lambda data: data + b"x"])
@pytest.mark.parametrize("name", ["function.zip", "cache/function.zip.json"])
def test_damaged_output_is_built_anew(name, damage, project):
    content = (project / "dist/function.zip").read_bytes()
    path = project / "dist" / name
    path.write_bytes(damage(path.read_bytes()))
    build_function(project, HANDLER, EDGE)
    assert (project / "dist/function.zip").read_bytes() == content


def test_killed_build_and_two_at_once(built, empty_project):
    """From nothing: one build is killed in the middle, then two run at the same time."""
    command = [sys.executable, "-m", "asset"]
    killed = subprocess.Popen(command, cwd=empty_project, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    deadline = time.monotonic() + 30
    while not list((empty_project / "dist/cache").glob("interpreter.zip.new")) and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (empty_project / "dist/function.zip").exists()
    both = [
        subprocess.Popen(
            command, cwd=empty_project, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    assert [(process.communicate()[0], process.returncode) for process in both] == [(b"dist/function.zip\n", 0)] * 2
    assert (empty_project / "dist/function.zip").read_bytes() == (built / "dist/function.zip").read_bytes()
    assert not list((empty_project / "dist").rglob("*.new"))


# --- wrong input


def sentence(action):
    """The one sentence with which a build fails."""
    with pytest.raises(UserError) as caught:
        action()
    (finding,) = caught.value.findings
    assert "\n" not in str(finding)
    return str(finding)


def test_syntax_errors_are_told_together(project):
    (project / "handlers/hello.py").write_text("def handler(event, context):\n    return (\n")
    (project / "handlers/other.py").write_text("x = 1\nreturn\n")
    with pytest.raises(UserError) as caught:
        build_function(project, HANDLER, EDGE)
    assert [(one.rule, one.component) for one in caught.value.findings] == [
        ("HANDLER-SYNTAX", "handlers/hello.py, line 2"),
        ("HANDLER-SYNTAX", "handlers/other.py, line 2"),
    ]


def test_failed_build_leaves_the_last_zip_and_the_next_one_works(project):
    content = (project / "dist/function.zip").read_bytes()
    source = (project / "handlers/hello.py").read_text(encoding="utf-8")
    (project / "handlers/hello.py").write_text("def handler(")
    assert "correct the file" in sentence(lambda: build_function(project, HANDLER, EDGE))
    assert (project / "dist/function.zip").read_bytes() == content
    (project / "handlers/hello.py").write_text(source, encoding="utf-8")
    build_function(project, HANDLER, EDGE)
    assert (project / "dist/function.zip").read_bytes() == content


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hello", "'handlers.<module>.<function>'"),
        ("handlers.nobody.handler", "create handlers/nobody.py"),
        ("handlers.hello.nobody", "define `def nobody(event, context)` in handlers/hello.py"),
    ],
)
def test_wrong_handler(name, told, project):
    assert told in sentence(lambda: build_function(project, name, EDGE))
    assert told in sentence(lambda: build_edge(project, name))


def dangling_link(folder):
    (folder / "data.txt").symlink_to("nowhere")


def link_to_a_folder(folder):
    (folder / "data").symlink_to("/tmp")


def pipe(folder):
    os.mkfifo(folder / "pipe")


def name_that_is_no_text(folder):
    Path(os.fsdecode(bytes(folder) + b"/\xff.txt")).touch()


@pytest.mark.parametrize("spoil", [dangling_link, link_to_a_folder, pipe, name_that_is_no_text])
def test_file_that_cannot_go_into_a_zip(spoil, project):
    spoil(project / "handlers")
    said = sentence(lambda: build_function(project, HANDLER, EDGE))
    assert said.startswith(f"input of the zip: file is '{project}/handlers/")
    assert said.endswith("[ASSET-INPUT]")


@pytest.mark.parametrize("folder", ["handlers", "runtime"])
def test_missing_folder(folder, project):
    shutil.rmtree(project / folder)
    assert f"{project}/{folder}" in sentence(lambda: build_function(project, HANDLER, EDGE))


def test_missing_entry_point(project):
    (project / "runtime/main.py").unlink()
    assert "missing file is" in sentence(lambda: build_function(project, HANDLER, EDGE))


def test_output_that_cannot_be_written(project):
    shutil.rmtree(project / "dist")
    (project / "dist").touch()
    assert f"{project}/dist" in sentence(lambda: build_function(project, HANDLER, EDGE))


def test_too_large(project, monkeypatch):
    monkeypatch.setitem(targets.LAMBDA.__dict__, "unpacked_limit", 2_000_000)
    (project / "handlers/extra.py").touch()
    assert "unpacked size in bytes" in sentence(lambda: build_function(project, HANDLER, EDGE))


def test_native_library_without_its_libraries(project):
    extension = next(path for path in host.locate().libraries.values() if path.name.startswith("libssl."))
    broken = extension.read_bytes().replace(b"libcrypto.so", b"libcrxxxx.so")
    (project / "handlers/_native.so").write_bytes(broken)
    assert "handlers/_native.so: needed library is 'libcrxxxx.so" in sentence(
        lambda: build_function(project, HANDLER, EDGE)
    )


# --- wrong host


def test_other_operating_system(project, monkeypatch):
    monkeypatch.setattr(host.sys, "platform", "darwin")
    for action in (
        lambda: build_function(project, HANDLER, EDGE),
        lambda: build_edge(project, "handlers.edge.handler"),
    ):
        said = sentence(action)
        assert "operating system is 'darwin', but must be linux" in said
        assert "docker run" in said


def test_other_c_library(monkeypatch):
    def unknown(_):
        raise ValueError

    monkeypatch.setattr(host.os, "confstr", unknown)
    assert "C library is 'no glibc', but must be glibc 2.33 or newer" in sentence(host.locate)


def test_old_c_library(monkeypatch):
    monkeypatch.setattr(host.os, "confstr", lambda _: "glibc 2.31")
    assert "C library is '2.31'" in sentence(host.locate)


def test_python_without_tls(monkeypatch):
    find_spec = host.importlib.util.find_spec
    monkeypatch.setattr(host.importlib.util, "find_spec", lambda name: None if name == "_ssl" else find_spec(name))
    assert "missing module is '_ssl'" in sentence(host.locate)


# --- command


def test_command_prints_the_path_last_and_is_silent_when_piped(project):
    result = run(project, "-m", "asset")
    assert (result.returncode, result.stdout, result.stderr) == (0, "dist/function.zip\n", "")
    result = run(project.parent, "-m", "asset", "--root", str(project))
    assert result.stdout == f"{project}/dist/function.zip\n"
    assert {path.name for path in (project / "dist").glob("*.zip")} == {"function.zip", "edge.zip"}


def test_command_says_what_is_wrong_in_a_sentence(project):
    result = run(project, "-m", "asset", "--handler", "handlers.nobody.handler")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("handler 'handlers.nobody.handler': module is")
    assert result.stderr.count("\n") == 1


def test_progress_is_told(project):
    lines = []
    (project / "handlers/extra.py").touch()
    build_function(project, HANDLER, EDGE, lines.append)
    assert lines == ["packing function.zip"]

"""The audit finds each thing that keeps a zip from starting, in zips that are broken on purpose.

Does not prove: that a zip without findings starts; the emulator tests start it.
"""

from __future__ import annotations

import stat
import struct
import time
import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asset import audit, elf
from asset.targets import TARGETS, named
from rules.finding import UserError
from tests.asset import tiny


@pytest.fixture(scope="session")
def parts(built, members):
    """The least of a real zip that has a loader, a library, a program and an extension."""
    extension = next(name for name in members if "/_lzma." in name)
    program = next(name for name in members if name.endswith(".bin"))
    loader = next(name for name in members if "/ld-linux" in name)
    needed = {"python/lib/libc.so.6"}
    with zipfile.ZipFile(built / "dist/function.zip") as archive:
        heads = [elf.parse(archive.read(name)) for name in (extension, program)]
        needed |= {f"python/lib/{name}" for head in heads for name in head.needed}
        for name in list(needed):
            needed |= {f"python/lib/{library}" for library in elf.parse(archive.read(name)).needed}
        wanted = {"bootstrap", extension, program, loader, *needed}
        return {name: (archive.read(name), members[name].external_attr >> 16) for name in sorted(wanted)}


@pytest.fixture
def findings(parts, tmp_path):
    """Audits a zip of the parts after some changes: name -> (content, mode), or None to leave it out."""

    def audited(changes):
        path = tmp_path / "function.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in {**parts, **changes}.items():
                if part is not None:
                    info = zipfile.ZipInfo(name)
                    info.external_attr = part[1] << 16
                    archive.writestr(info, part[0])
        return audit.findings(path, [])

    return audited


@pytest.fixture
def on(tmp_path):
    """Audits a zip of these files alone for a target: name -> content, each executable; the (rule, value) pairs."""

    def audited(target, files):
        path = tmp_path / "own.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o100755 << 16
                archive.writestr(info, content)
        found = audit.findings(path, [named(target)])
        assert all("\n" not in str(one) and one.remedy and one.accepts for one in found)
        return [(one.rule, one.value) for one in found]

    return audited


def test_sound_zip_has_no_findings(findings, built):
    assert findings({}) == []
    assert audit.findings(built / "dist/function.zip", TARGETS) == []


def test_bootstrap(findings, parts):
    script = parts["bootstrap"][0]
    found = {
        "missing": findings({"bootstrap": None}),
        "0o644": findings({"bootstrap": (script, 0o100644)}),
        "0o700": findings({"bootstrap": (script, 0o100700)}),
        "exec python3 main.py": findings({"bootstrap": (b"exec python3 main.py\n", 0o100755)}),
    }
    assert {value: [(one.rule, one.value) for one in some] for value, some in found.items()} == {
        value: [("ASSET-BOOTSTRAP", value)] for value in found
    }


def test_bootstrap_may_have_a_space_before_its_interpreter(on):
    assert on("al2023", {"bootstrap": b"#! /bin/sh\nexec true\n"}) == []


def test_bootstrap_may_be_a_program(findings, parts):
    program = next(part for name, part in parts.items() if name.endswith(".bin"))
    assert findings({"bootstrap": (program[0], 0o100755)}) == []


def test_binary_of_another_machine(findings, parts):
    name = next(name for name in parts if "/_lzma." in name)
    foreign = bytearray(parts[name][0])
    foreign[18:20] = (elf.AARCH64 if elf.parse(parts[name][0]).machine == elf.X86_64 else elf.X86_64).to_bytes(
        2, "little"
    )
    (found,) = findings({name: (bytes(foreign), 0o100644)})
    assert (found.rule, found.component) == ("ASSET-MACHINE", name)
    assert {found.value, found.accepts} == {"x86_64", "arm64"}


@pytest.mark.parametrize(
    ("bits", "order", "value"),
    [(32, "<", "32-bit, little-endian"), (64, ">", "64-bit, big-endian"), (64, "<", None)],
)
def test_binary_of_another_class_or_byte_order(bits, order, value, on):
    files = {"bootstrap": b"#!/bin/sh\n", "own.so": tiny.library(bits, order, elf.X86_64, {"soname": "own.so"})}
    assert on("al2023", files) == ([("ASSET-MACHINE", value)] if value else [])


def test_library_that_is_not_there(findings, parts):
    found = findings({"python/lib/libc.so.6": None})
    assert {(one.rule, one.value) for one in found} == {("ASSET-LIBRARY", "libc.so.6")}
    assert any("/_lzma." in one.component for one in found)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({}, False),
        ({"runpath": "$ORIGIN"}, True),
        ({"rpath": "/opt/lib:${ORIGIN}/../vendor"}, True),
        ({"runpath": "$ORIGIN/elsewhere"}, False),
        ({"runpath": "vendor"}, False),
    ],
)
def test_library_of_the_handlers_own(search, found, findings, parts):
    machine = elf.parse(parts["python/lib/libc.so.6"][0]).machine
    own = tiny.library(64, "<", machine, {"needed": "libown.so", **search})
    library = tiny.library(64, "<", machine, {"soname": "libown.so"})
    vendor = {"handlers/vendor/_own.so": (own, 0o100644), "handlers/vendor/libown.so": (library, 0o100644)}
    assert [one.value for one in findings(vendor)] == ([] if found else ["libown.so"])


def test_truncated_binary(findings, parts):
    name = next(name for name in parts if "/_lzma." in name)
    (found,) = findings({name: (parts[name][0][:3000], 0o100644)})
    assert (found.rule, found.component) == ("ASSET-ELF", name)


@pytest.mark.parametrize("suffix", [".bin", "ld-linux"])
def test_program_that_may_not_be_executed(suffix, findings, parts):
    name = next(name for name in parts if suffix in name)
    (found,) = findings({name: (parts[name][0], 0o100644)})
    assert (found.rule, found.component, found.value) == ("ASSET-MODE", name, "0o644")


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "handlers/../../outside", "handlers\\hello.pyc"])
def test_name_that_leads_outside(name, findings):
    (found,) = findings({name: (b"", 0o100644)})
    assert (found.rule, found.value) == ("ASSET-PATH", name)


def test_symbolic_link(findings):
    (found,) = findings({"handlers/link": (b"/etc/passwd", stat.S_IFLNK | 0o777)})
    assert (found.rule, found.component) == ("ASSET-PATH", "handlers/link")


def test_device_or_pipe(findings):
    (found,) = findings({"handlers/pipe": (b"", stat.S_IFIFO | 0o644)})
    assert (found.rule, found.component, found.value) == ("ASSET-PATH", "handlers/pipe", "device or pipe")


def test_file_that_would_be_a_folder_as_well(findings):
    (found,) = findings({"handlers/a": (b"", 0o100644), "handlers/a/b": (b"", 0o100644)})
    assert (found.rule, found.component, found.value) == ("ASSET-PATH", "handlers/a", "both a file and a folder")


def test_name_that_is_there_twice(built, tmp_path):
    path = tmp_path / "function.zip"
    path.write_bytes((built / "dist/function.zip").read_bytes())
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("manifest.json", "{}")
    assert [one.value for one in audit.findings(path, TARGETS)] == ["manifest.json"]


def test_no_zip_at_all(tmp_path):
    path = tmp_path / "function.zip"
    path.write_text("hello")
    assert [one.rule for one in audit.findings(path, TARGETS)] == ["ASSET-ZIP"]


def test_windows_line_ends(findings, parts):
    script = parts["bootstrap"][0].replace(b"\n", b"\r\n")
    assert [one.rule for one in findings({"bootstrap": (script, 0o100755)})] == ["ASSET-LINE-END"]
    tool = {"handlers/tool.sh": (b"#!/bin/sh\r\necho\r\n", 0o100755)}
    assert [(one.rule, one.component) for one in findings(tool)] == [("ASSET-LINE-END", "handlers/tool.sh")]


# --- against a target

SCRIPT = b"#!/bin/sh\nexec ./program\n"
LOADER = "/lib64/ld-linux-x86-64.so.2"


def program(needed="libc.so.6", versions=(), machine=elf.X86_64, interpreter=LOADER, library="libc.so.6"):
    needs = {library: list(versions)} if versions else {}
    return tiny.library(64, "<", machine, {"needed": needed}, interpreter=interpreter, versions=needs)


def test_rust_program_that_wants_another_libssl(on):
    """The first article's failure: built on Ubuntu, started on Amazon Linux."""
    assert on("al2023", {"bootstrap": program("libssl.so.1.1")}) == [("ASSET-LIBRARY", "libssl.so.1.1")]
    assert on("al2023", {"bootstrap": program("libssl.so.3")}) == []
    assert on("debian10", {"bootstrap": program("libssl.so.3")}) == [("ASSET-LIBRARY", "libssl.so.3")]
    beside = {"lib/libssl.so.1.1": tiny.library(64, "<", elf.X86_64, {"soname": "libssl.so.1.1"})}
    assert on("al2023", {"bootstrap": program("libssl.so.1.1"), **beside}) == []
    assert on("debian10", {"bootstrap": program("libssl.so.1.1"), **beside}) == [("ASSET-LIBRARY", "libssl.so.1.1")]


@pytest.mark.parametrize(
    ("target", "enough", "too_new"),
    [
        ("al2023", "GLIBC_2.34", "GLIBC_2.35"),
        ("debian9", "GLIBC_2.24", "GLIBC_2.25"),
        ("debian10", "GLIBC_2.28", "GLIBC_2.29"),
        ("debian11", "GLIBC_2.31", "GLIBC_2.32"),
        ("debian12", "GLIBC_2.36", "GLIBC_2.37"),
        ("debian11", "GLIBC_2.9", "GLIBC_ABI_DT_RELR"),
    ],
)
def test_c_library_that_is_too_old_for_the_program(target, enough, too_new, on):
    """The second article's failure."""
    assert on(target, {"bootstrap": program(versions=["GLIBC_2.2.5", enough, "GLIBC_PRIVATE"])}) == []
    said = "GLIBC_2.36" if too_new == "GLIBC_ABI_DT_RELR" else too_new
    assert on(target, {"bootstrap": program(versions=["GLIBC_2.4", too_new])}) == [("ASSET-GLIBC", said)]


def test_c_plus_plus_library_that_is_too_old(on):
    new = {"versions": ["GLIBCXX_3.4.29"], "library": "libstdc++.so.6", "needed": "libstdc++.so.6"}
    assert on("al2023", {"bootstrap": program(**new)}) == []
    assert on("debian11", {"bootstrap": program(**new)}) == [("ASSET-GLIBC", "GLIBCXX_3.4.29")]


def test_musl_program(on):
    """The third article's failure, a musl tool chain that still links dynamically."""
    musl = program("libc.musl-x86_64.so.1", interpreter="/lib/ld-musl-x86_64.so.1")
    assert on("debian10", {"bootstrap": musl}) == [
        ("ASSET-LIBRARY", "libc.musl-x86_64.so.1"),
        ("ASSET-LOADER", "/lib/ld-musl-x86_64.so.1"),
    ]
    assert on("debian10", {"bootstrap": tiny.library(64, "<", elf.X86_64, {})}) == []


def test_processor_that_the_target_has_not(on):
    arm = program(machine=elf.AARCH64, interpreter="/lib/ld-linux-aarch64.so.1")
    assert on("al2023", {"bootstrap": arm}) == []
    assert on("debian10", {"bootstrap": arm}) == [("ASSET-MACHINE", "arm64")]


@pytest.mark.parametrize(
    ("line", "target", "sound"),
    [
        ("#!/bin/bash", "debian9", True),
        ("#!/usr/bin/env bash", "al2023", True),
        ("#!/usr/bin/env -S bash -e", "al2023", True),
        ("#!/usr/bin/env python3", "al2023", False),
        ("#!/usr/bin/python3", "debian12", True),
        ("#!/usr/bin/python3", "debian11", False),
        ("#!/var/fc/lang/python3.10/bin/python3.10", "debian10", True),
        ("#!/var/fc/lang/python3.10/bin/python3.10", "al2023", False),
        ("#!/code/tool", "debian10", True),
        ("#!/opt/python/bin/python3", "debian10", False),
    ],
)
def test_interpreter_of_a_script(line, target, sound, on):
    found = on(target, {"bootstrap": f"{line}\n", "tool": tiny.library(64, "<", elf.X86_64, {})})
    assert found == ([] if sound else [("ASSET-SHEBANG", line.removeprefix("#!"))])


def test_tool_of_the_handlers_own_gets_the_images_loader(findings, parts, tmp_path):
    """Although everything else in the zip has a loader and a C library of its own."""
    new = program(versions=["GLIBC_2.99"])
    with zipfile.ZipFile(tmp_path / "tool.zip", "w") as archive:
        for name, (content, mode) in {**parts, "handlers/tool": (new, 0o100755)}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    (found,) = audit.findings(tmp_path / "tool.zip", [named("al2023")])
    assert (found.rule, found.component, found.value) == ("ASSET-GLIBC", "handlers/tool", "GLIBC_2.99")


def test_wheel_that_wants_more_than_a_library_in_the_zip_offers(findings):
    wheel = tiny.library(64, "<", elf.X86_64, {"needed": "libc.so.6"}, versions={"libc.so.6": ["GLIBC_2.99"]})
    (found,) = findings({"deps/new.so": (wheel, 0o100644)})
    assert (found.rule, found.component, found.value) == ("ASSET-VERSION", "deps/new.so", "GLIBC_2.99")


def test_unknown_target_is_refused():
    with pytest.raises(UserError, match="must be al2023, debian9, debian10, debian11 or debian12"):
        named("alpine")


# --- the handler


def with_manifest(files, name="handlers.hello.handler"):
    main = {"bootstrap": SCRIPT, "program": tiny.library(64, "<", elf.X86_64, {}), "runtime/main.pyc": b"MAGI"}
    return {**main, "manifest.json": f'{{"handler": "{name}"}}', **files}


def test_handler_that_is_not_there(on):
    assert on("al2023", with_manifest({"handlers/hello.pyc": b"MAGI"})) == []
    assert on("al2023", with_manifest({"handlers/hello/__init__.py": b""})) == []
    assert on("al2023", with_manifest({})) == [("ASSET-HANDLER", "handlers.hello.handler")]
    assert on("al2023", with_manifest({"handlers/hello.pyc": b"OLD!"})) == [("ASSET-HANDLER", b"OLD!".hex())]


@pytest.mark.parametrize("content", ["{", b"\xff", "[" * 100_000])
def test_manifest_that_is_no_json(content, on):
    ((rule, _),) = on("al2023", with_manifest({"manifest.json": content}))
    assert rule == "ASSET-MANIFEST"


# --- size, and zips made to do harm


def write_claiming(path, size):
    """A zip whose directory says that its one file has `size` bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bootstrap", SCRIPT)
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02") + 24
    data[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)


def test_unpacked_size(tmp_path):
    path = tmp_path / "large.zip"
    write_claiming(path, 262_144_001)
    found = audit.findings(path, [named("al2023")])
    assert ("ASSET-SIZE", 262_144_001) in [(one.rule, one.value) for one in found]
    write_claiming(path, 2**32 - 2)
    (found,) = audit.findings(path, [named("debian10")])
    assert found.rule == "ASSET-SIZE"


@pytest.mark.parametrize("cut", [10, 30, 60, 100])
def test_truncated_zip(cut, on, tmp_path):
    on("al2023", {"bootstrap": SCRIPT * 10})
    path = tmp_path / "own.zip"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [one.rule for one in audit.findings(path, TARGETS)] == ["ASSET-ZIP"]


def test_zip_with_damaged_content(on, tmp_path):
    on("al2023", {"bootstrap": SCRIPT})
    path = tmp_path / "own.zip"
    data = bytearray(path.read_bytes())
    data[data.find(b"exec")] ^= 1
    path.write_bytes(data)
    assert [one.rule for one in audit.findings(path, TARGETS)] == ["ASSET-ZIP"]


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_zip_gives_findings_or_none_but_no_traceback(tmp_path, changes):
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bootstrap", SCRIPT)
        archive.writestr("manifest.json", '{"handler": "handlers.hello.handler"}')
        archive.writestr("lib.so", program("libssl.so.3", ["GLIBC_2.99"]))
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert all(str(one) for one in audit.findings(path, TARGETS))


def test_very_long_strings_take_no_time(on):
    """Thousands of entries that all point at one string of a megabyte."""
    hostile = bytearray(tiny.library(64, "<", elf.X86_64, {"needed": "x"}))
    text = b"x" * 1_000_000
    needed = struct.pack("<QQ", 1, 1) * 20_000
    dynamic = needed + struct.pack("<6Q", 5, 0x1000, 10, len(text) + 2, 0, 0)
    start = len(hostile)
    hostile[64 : 64 + 56] = struct.pack("<II6Q", 1, 6, start + len(dynamic), 0x1000, 0, len(text) + 2, len(text) + 2, 8)
    hostile[120 : 120 + 56] = struct.pack("<II6Q", 2, 6, start, 0, 0, len(dynamic), len(dynamic), 8)
    content = bytes(hostile) + dynamic + b"\0" + text + b"\0"
    begin = time.perf_counter()
    assert [rule for rule, _ in on("al2023", {"bootstrap": SCRIPT, "lib.so": content})] == ["ASSET-ELF"]
    assert time.perf_counter() - begin < 2

"""The audit finds each thing that keeps a zip from starting, in zips that are broken on purpose.

Does not prove: that a zip without findings starts; the emulator tests start it.
"""

from __future__ import annotations

import stat
import warnings
import zipfile

import pytest

from asset import audit, elf
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
        return audit.findings(path)

    return audited


def test_sound_zip_has_no_findings(findings, built):
    assert findings({}) == []
    assert audit.findings(built / "dist/function.zip") == []


def test_bootstrap(findings, parts):
    script = parts["bootstrap"][0]
    found = {
        "missing": findings({"bootstrap": None}),
        "0o644": findings({"bootstrap": (script, 0o100644)}),
        "0o700": findings({"bootstrap": (script, 0o100700)}),
        "CR LF": findings({"bootstrap": (script.replace(b"\n", b"\r\n"), 0o100755)}),
        "exec python3 main.py": findings({"bootstrap": (b"exec python3 main.py\n", 0o100755)}),
    }
    assert {value: [(one.rule, one.value) for one in some] for value, some in found.items()} == {
        value: [("ASSET-BOOTSTRAP", value)] for value in found
    }


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


def test_name_that_is_there_twice(built, tmp_path):
    path = tmp_path / "function.zip"
    path.write_bytes((built / "dist/function.zip").read_bytes())
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("manifest.json", "{}")
    assert [one.value for one in audit.findings(path)] == ["manifest.json"]


def test_no_zip_at_all(tmp_path):
    path = tmp_path / "function.zip"
    path.write_text("hello")
    assert [one.rule for one in audit.findings(path)] == ["ASSET-ZIP"]

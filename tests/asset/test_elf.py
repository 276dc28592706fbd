"""The ELF reader against pyelftools, and against bytes that are no ELF file.

Does not prove: that a file it can read can be loaded; the emulator tests run what it has cut.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import sysconfig
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.segments import InterpSegment
from hypothesis import given
from hypothesis import strategies as st

from asset import elf
from tests.asset import tiny

EXTENSIONS = sorted((Path(sysconfig.get_path("stdlib")) / "lib-dynload").glob("*.so"))


def files():
    program = Path(sys.executable).resolve()
    programs = [path for path in sorted(Path("/usr/bin").iterdir())[:150] if path.is_file() and begins_as_elf(path)]
    libraries = sorted(Path(f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}").glob("lib[a-m]*.so.?"))[:60]
    return [program, *EXTENSIONS, *programs, *libraries]


def begins_as_elf(path):
    with path.open("rb") as file:
        return file.read(4) == elf.MAGIC


def judged(stream):
    """What pyelftools says about the same file."""
    file = ELFFile(stream)
    facts = {"bits": file.elfclass, "machine": file["e_machine"], "interpreter": None, "needed": [], "soname": None}
    facts |= {"rpath": [], "runpath": [], "versions": versions(file), "defined": defined(file)}
    for segment in file.iter_segments():
        if isinstance(segment, InterpSegment):
            facts["interpreter"] = segment.get_interp_name()
        if isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                if tag.entry.d_tag == "DT_NEEDED":
                    facts["needed"].append(tag.needed)
                elif tag.entry.d_tag == "DT_SONAME":
                    facts["soname"] = tag.soname
                elif tag.entry.d_tag in {"DT_RPATH", "DT_RUNPATH"}:
                    name = tag.entry.d_tag.removeprefix("DT_").lower()
                    facts[name] = [path for path in getattr(tag, name).split(":") if path]
    return facts


def versions(file):
    found = {}
    for section in file.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for need, names in section.iter_versions():
                found.setdefault(need.name, []).extend(version.name for version in names)
    return found


def defined(file):
    """Without the first name, which is the library's own."""
    found = []
    for section in file.iter_sections():
        if isinstance(section, GNUVerDefSection):
            for definition, names in section.iter_versions():
                if not definition["vd_flags"] & 1:
                    found.append(next(iter(names)).name)
    return found


MACHINES = {elf.X86_64: "EM_X86_64", elf.AARCH64: "EM_AARCH64", 8: "EM_MIPS"}


def said(head):
    return {
        "bits": head.bits,
        "machine": MACHINES[head.machine],
        "interpreter": head.interpreter,
        "needed": list(head.needed),
        "soname": head.soname,
        "rpath": list(head.rpath),
        "runpath": list(head.runpath),
        "versions": {library: list(names) for library, names in head.versions.items()},
        "defined": list(head.defined),
    }


def test_agrees_with_pyelftools():
    compared = 0
    for path in files():
        with path.open("rb") as stream:
            assert said(elf.read(path)) == judged(stream), path
        compared += 1
    assert compared >= 100


def test_agrees_with_pyelftools_on_32_bits_and_the_other_byte_order(tmp_path):
    path = tmp_path / "libold.so"
    path.write_bytes(tiny.library(32, ">", 8, {"needed": "libc.so.6", "rpath": "$ORIGIN/../lib:/opt/lib"}))
    with path.open("rb") as stream:
        assert said(elf.read(path)) == judged(stream)
    assert elf.read(path).rpath == ("$ORIGIN/../lib", "/opt/lib")
    assert elf.read(path).needed == ("libc.so.6",)


def test_cut_file_is_smaller_reads_the_same_and_loads(tmp_path):
    whole = next(path for path in EXTENSIONS if path.name.startswith("_json."))
    data = whole.read_bytes()
    cut = elf.without_sections(data)
    assert len(cut) < len(data)
    assert elf.parse(cut) == elf.parse(data)
    assert elf.without_sections(cut) == cut
    path = tmp_path / "cut.so"
    path.write_bytes(cut)
    assert ctypes.PyDLL(str(path)).PyInit__json
    with path.open("rb") as stream:
        assert ELFFile(stream).num_sections() == 0


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x09\x01" + bytes(100)])
def test_refuses_what_is_no_elf_file(data, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(elf.ElfError):
        elf.read(path)


SMALL = min((path for path in EXTENSIONS if elf.read(path).versions), key=lambda path: path.stat().st_size).read_bytes()


@given(st.integers(0, len(SMALL)))
def test_truncated_file_is_refused_or_whole(length):
    try:
        head = elf.parse(SMALL[:length])
    except elf.ElfError:
        return
    assert head == elf.parse(SMALL)


@given(st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_file_is_refused_or_read_but_never_breaks_the_reader(changes):
    data = bytearray(SMALL)
    for place, value in changes:
        data[place] = value
    try:
        elf.parse(bytes(data))
    except elf.ElfError:
        return


@given(st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), max_size=8), st.integers(0, 1200))
def test_damaged_tables_never_break_the_reader(changes, length):
    """A file that is mostly tables: each byte that changes is one that the reader follows."""
    whole = tiny.library(
        64, "<", elf.X86_64, {"needed": "a", "soname": "b"}, interpreter="/l", versions={"a": ["V_1"]}, defined=["W_1"]
    )
    assert elf.parse(whole).defined == ("W_1",)
    data = bytearray(whole)
    for place, value in changes:
        data[place % len(data)] = value
    for damaged in (bytes(data), bytes(data[:length])):
        try:
            elf.parse(damaged)
        except elf.ElfError:
            continue


def test_table_of_versions_that_overlaps_itself_is_refused_at_once():
    data = bytearray(SMALL)
    place = data.find(struct.pack("<QQ", 0x6FFFFFFF, 1))
    assert place > 0
    data[place + 8 : place + 16] = struct.pack("<Q", 2**60)
    table = struct.unpack_from("<Q", data, data.find(struct.pack("<Q", 0x6FFFFFFE)) + 8)[0]
    struct.pack_into("<HHIII", data, table, 1, 65535, 1, 16, 1)
    with pytest.raises(elf.ElfError):
        elf.parse(bytes(data))

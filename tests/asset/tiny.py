"""The smallest ELF files that say something, of any width and byte order, by hand."""

from __future__ import annotations

import struct

from asset import elf

_TAGS = {"needed": 1, "soname": 14, "rpath": 15, "runpath": 29}
_DYNAMIC, _REST, _BASE = 0x100, 0x300, 0x1000


def library(bits, order, machine, entries, *, interpreter=None, versions=None, defined=()):
    """A file with the dynamic `entries`, such as `{"needed": "libc.so.6"}`.

    With an `interpreter` it is a program. `versions` are those needed of each library, `defined` those offered.
    """
    word = "Q" if bits == 64 else "I"
    strings = _Strings()
    tags = [(_TAGS[name], strings.add(value)) for name, value in entries.items()]
    needs = _needs(order, versions or {}, strings)
    offers = _offers(order, defined, strings)
    loader = (interpreter or "").encode() + b"\0"
    start = {"needs": _REST, "offers": _REST + len(needs)}
    start["loader"] = start["offers"] + len(offers)
    start["strings"] = start["loader"] + len(loader)
    if needs:
        tags += [(0x6FFFFFFE, _BASE + start["needs"]), (0x6FFFFFFF, len(versions))]
    if offers:
        tags += [(0x6FFFFFFC, _BASE + start["offers"]), (0x6FFFFFFD, len(defined))]
    tags += [(5, _BASE + start["strings"]), (10, len(strings.table)), (0, 0)]
    dynamic = b"".join(struct.pack(f"{order}2{word}", *tag) for tag in tags)
    rest = needs + offers + loader + strings.table
    segments = [_segment(bits, order, 1, 0, _REST + len(rest)), _segment(bits, order, 2, _DYNAMIC, len(dynamic))]
    if interpreter:
        segments.append(_segment(bits, order, 3, start["loader"], len(loader)))
    head = _head(bits, order, word, machine, len(segments)) + b"".join(segments)
    assert len(head) <= _DYNAMIC
    assert _DYNAMIC + len(dynamic) <= _REST
    return (head.ljust(_DYNAMIC, b"\0") + dynamic).ljust(_REST, b"\0") + rest


class _Strings:
    def __init__(self):
        self.table = b"\0"

    def add(self, text):
        self.table += text.encode() + b"\0"
        return len(self.table) - len(text.encode()) - 1


def _needs(order, versions, strings):
    """The table of needed versions: for each library an entry, and right after it one for each version."""
    table = b""
    for library_name, names in versions.items():
        step = 16 * (1 + len(names))
        table += struct.pack(f"{order}HHIII", 1, len(names), strings.add(library_name), 16, step)
        for name in names:
            table += struct.pack(f"{order}IHHII", 0, 0, 2, strings.add(name), 16)
    return table


def _offers(order, names, strings):
    table = b""
    for index, name in enumerate(names):
        table += struct.pack(f"{order}HHHHIII", 1, 0, index + 1, 1, 0, 20, 28)
        table += struct.pack(f"{order}II", strings.add(name), 0)
    return table


def _head(bits, order, word, machine, count):
    sizes = (64, 56, 64) if bits == 64 else (52, 32, 40)
    head = elf.MAGIC + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    return head + struct.pack(
        f"{order}HHI3{word}I6H", 3, machine, 1, 0, sizes[0], 0, 0, sizes[0], sizes[1], count, sizes[2], 0, 0
    )


def _segment(bits, order, kind, offset, size):
    place = (offset, _BASE + offset, 0, size, size)
    if bits == 64:
        return struct.pack(f"{order}II5QQ", kind, 6, *place, 8)
    return struct.pack(f"{order}I5III", kind, *place, 6, 4)

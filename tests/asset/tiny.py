"""The smallest shared libraries that say something, of any width and byte order, by hand."""

from __future__ import annotations

import struct

from asset import elf

_TAGS = {"needed": 1, "soname": 14, "rpath": 15, "runpath": 29}
_DYNAMIC, _STRINGS, _BASE = 0x100, 0x200, 0x1000


def library(bits, order, machine, entries):
    """A library with the dynamic `entries`, such as `{"needed": "libc.so.6"}`."""
    word = "Q" if bits == 64 else "I"
    strings, tags = b"\0", []
    for name, value in entries.items():
        tags.append((_TAGS[name], len(strings)))
        strings += value.encode() + b"\0"
    tags += [(5, _BASE + _STRINGS), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack(f"{order}2{word}", *tag) for tag in tags)
    sizes = (64, 56, 64) if bits == 64 else (52, 32, 40)
    head = elf.MAGIC + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    head += struct.pack(
        f"{order}HHI3{word}I6H", 3, machine, 1, 0, sizes[0], 0, 0, sizes[0], sizes[1], 2, sizes[2], 0, 0
    )
    head += _segment(bits, order, 1, 0, _STRINGS + len(strings))
    head += _segment(bits, order, 2, _DYNAMIC, len(dynamic))
    return (head.ljust(_DYNAMIC, b"\0") + dynamic).ljust(_STRINGS, b"\0") + strings


def _segment(bits, order, kind, offset, size):
    place = (offset, _BASE + offset, 0, size, size)
    if bits == 64:
        return struct.pack(f"{order}II5QQ", kind, 6, *place, 8)
    return struct.pack(f"{order}I5III", kind, *place, 6, 4)

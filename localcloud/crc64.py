"""CRC-64 as OSS and XZ compute it: ECMA-182, reflected, all ones before and after.

Source: OSS documentation, "Check data transmission integrity by using CRC-64".
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

_POLYNOMIAL = 0xC96C5795D7870F42
_ONES = 0xFFFFFFFFFFFFFFFF

Update = Callable[[bytes, int], int]


def crc64(data: bytes, value: int = 0) -> int:
    """The checksum of the bytes behind `value` followed by `data`."""
    return _implementation()(data, value)


@functools.cache
def _implementation() -> Update:
    """liblzma's, which Python's own `lzma` links on most systems and which is some hundred times faster than Python."""
    try:
        library = ctypes.CDLL("liblzma.so.5")
        function = library.lzma_crc64
    except (OSError, AttributeError):
        return in_python
    function.restype = ctypes.c_uint64
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    return lambda data, value: int(function(data, len(data), value))


def in_python(data: bytes, value: int = 0) -> int:
    """The same without any library, at some megabytes a second."""
    table, rest = _table(), value ^ _ONES
    for byte in data:
        rest = table[(rest ^ byte) & 0xFF] ^ (rest >> 8)
    return rest ^ _ONES


@functools.cache
def _table() -> tuple[int, ...]:
    return tuple(_entry(number) for number in range(256))


def _entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value

"""CRC-64 as OSS states it in `x-oss-hash-crc64ecma` (OSS, "Check data integrity by using CRC-64"): CRC-64/XZ.

liblzma computes the same sum for its own files, and Python's `_lzma` module brings it along. Without it the sum is
made in Python, about a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

_POLYNOMIAL = 0xC96C5795D7870F42


def update(value: int, data: bytes) -> int:
    """The sum over what `value` covers and `data` after it; begin with 0."""
    native = _native()
    return slow_update(value, data) if native is None else native(data, len(data), value)


def slow_update(value: int, data: bytes) -> int:
    """The same without liblzma."""
    table = _table()
    value ^= 0xFFFFFFFFFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFFFFFFFFFF


@lru_cache(maxsize=1)
def _table() -> list[int]:
    table: list[int] = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


@lru_cache(maxsize=1)
def _native() -> Callable[[bytes, int, int], int] | None:
    try:
        import _lzma
        import ctypes

        function = ctypes.CDLL(_lzma.__file__).lzma_crc64
    except (ImportError, OSError, AttributeError):
        return None  # a Python without liblzma, or with its names hidden
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
    function.restype = ctypes.c_uint64
    return function

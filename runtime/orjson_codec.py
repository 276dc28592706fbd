"""JSON by orjson, where the handler's requirements hold it, with the results of `runtime.codec`.

orjson is faster and differs; what follows keeps the values equal. The text differs in the whitespace between tokens, of
which there is none, and in exponents, written `1e16` rather than `1e+16`.

| orjson alone | here |
|---|---|
| reads integers beyond 64 bits as floats | a document with 19 digits in a row is read by the standard library |
| refuses NaN, 1e999, lone surrogates and a byte order mark when it reads | read by the standard library |
| writes NaN and Infinity as null | a document with `null` in it is written by the standard library, which refuses NaN |
| refuses long integers, keys other than str, lone surrogates, Decimal | written by the standard library |
| writes datetimes, dataclasses and subclasses by rules of its own | written by the standard library |
"""

from __future__ import annotations

import orjson  # pyright: ignore[reportMissingImports]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_INTEGER = b"0" * 19
_SAMPLED = b"0" * (19 // 4)
"""What every fourth byte shows of so many digits, wherever they begin."""
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def loads(data: bytes) -> Any:
    """Raises ValueError where the standard library must look at it."""
    if _SAMPLED in data[::4].translate(_ZEROS) and _LONG_INTEGER in data.translate(_ZEROS):
        raise ValueError("an integer that may not fit into 64 bits")
    return orjson.loads(data)


def dumps(value: Any) -> bytes:
    """Raises TypeError or ValueError where the standard library must look at it."""
    data = orjson.dumps(value, option=_OPTIONS)
    if b"null" in data:
        raise ValueError("a null that may have been NaN")
    return data

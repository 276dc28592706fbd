"""Compiles Python sources; runs as a script of its own, in a fresh and isolated interpreter (see bytecode.py).

Reads `[(name, source), …]` from stdin and writes `[(pyc, message, line), …]` to stdout, both as marshal: the one
format that every CPython reads without an import.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys

_UNCHECKED_HASH = 1


def main() -> None:
    sources: list[tuple[str, bytes]] = marshal.load(sys.stdin.buffer)  # noqa: S302 (from our own parent process)
    marshal.dump([compiled(name, source) for name, source in sources], sys.stdout.buffer, 2)


def compiled(name: str, source: bytes) -> tuple[bytes, str, int]:
    """The bytes of a `.pyc`, or no bytes, the compiler's message and the line (0: unknown)."""
    try:
        code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    except SyntaxError as error:
        return b"", error.msg or "invalid syntax", error.lineno or 0
    except (ValueError, RecursionError, MemoryError) as error:
        return b"", str(error) or "nested too deeply", 0
    return _header(source) + marshal.dumps(code), "", 0


def _header(source: bytes) -> bytes:
    """What says that the file is never checked against its source (PEP 552): times are lost in a zip."""
    return importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(source)


if __name__ == "__main__":
    main()

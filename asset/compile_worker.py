"""Compiles Python sources; runs as a script of its own, in a fresh and isolated interpreter (see bytecode.py).

Reads `[(name, source), …]` from stdin and writes `[(pyc, message, line), …]` to stdout, both as marshal: the one
format that every CPython reads without an import.
"""

from __future__ import annotations

import _ast
import importlib.util
import marshal
import sys

_UNCHECKED_HASH = 1


_DOCUMENTED = (_ast.Module, _ast.ClassDef, _ast.FunctionDef, _ast.AsyncFunctionDef)


def main() -> None:
    docstrings = "--without-docstrings" not in sys.argv
    sources: list[tuple[str, bytes]] = marshal.load(sys.stdin.buffer)  # noqa: S302 (from our own parent process)
    marshal.dump([compiled(name, source, docstrings) for name, source in sources], sys.stdout.buffer, 2)


def compiled(name: str, source: bytes, docstrings: bool) -> tuple[bytes, str, int]:  # noqa: FBT001
    """The bytes of a `.pyc`, or no bytes, the compiler's message and the line (0: unknown)."""
    try:
        kept = source if docstrings else _undocumented(source, name)
        code = compile(kept, name, "exec", dont_inherit=True, optimize=0)
    except SyntaxError as error:
        return b"", error.msg or "invalid syntax", error.lineno or 0
    except (ValueError, RecursionError, MemoryError) as error:
        return b"", str(error) or "nested too deeply", 0
    return _header(source) + marshal.dumps(code), "", 0


def _undocumented(source: bytes, name: str) -> _ast.Module:
    """The syntax tree without docstrings. Asserts stay: some of the standard library's do work."""
    tree = compile(source, name, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, _ast.Module)
    waiting: list[_ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _DOCUMENTED) and node.body and _is_text(node.body[0]):
            first = node.body.pop(0)
            if not node.body:
                place = {key: getattr(first, key) for key in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
                node.body.append(_ast.Pass(**place))
        for field in node._fields:
            value = getattr(node, field, None)
            waiting += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, _ast.AST)]
    return tree


def _is_text(node: _ast.stmt) -> bool:
    return isinstance(node, _ast.Expr) and isinstance(node.value, _ast.Constant) and isinstance(node.value.value, str)


def _header(source: bytes) -> bytes:
    """What says that the file is never checked against its source (PEP 552): times are lost in a zip."""
    return importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH.to_bytes(4, "little") + importlib.util.source_hash(source)


if __name__ == "__main__":
    main()

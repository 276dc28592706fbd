"""Turns Python sources into sourceless bytecode whose bytes depend on nothing but the sources and the compiler.

`marshal` writes an object that others share differently from one that they do not, so code that is compiled inside a
program carries traces of what that program has loaded. A fresh interpreter that loads nothing else
(`-I -S`) compiles one fixed list in one fixed order instead, and names every file by its place in the zip.
"""

from __future__ import annotations

import marshal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rules.finding import Finding, UserError

_WORKER = Path(__file__).with_name("compile_worker.py")


def compiled(sources: Mapping[str, bytes], compiler: Path, *, docstrings: bool = True) -> dict[str, bytes]:
    """Compile `{"handlers/hello.py": source}` to `{"handlers/hello.pyc": bytecode}`.

    `compiler` is a Python of the version that will load the result. Without docstrings the code keeps its asserts,
    unlike under -OO, and its line numbers, but not the columns that a traceback underlines. Raises UserError with one
    finding for each file that does not compile.
    """
    outcome = attempted(sources, compiler, docstrings=docstrings)
    broken = [syntax_finding(name, message, line) for name, (pyc, message, line) in outcome.items() if not pyc]
    if broken:
        raise UserError(broken)
    return {f"{name}c": pyc for name, (pyc, _, _) in outcome.items()}


def attempted(
    sources: Mapping[str, bytes], compiler: Path, *, docstrings: bool = True
) -> dict[str, tuple[bytes, str, int]]:
    """Name -> bytecode, message and line; the bytecode is empty where the source does not compile."""
    names = sorted(sources)
    request = marshal.dumps([(name, sources[name]) for name in names], 2)
    command = [str(compiler), "-I", "-S", "-B", "-X", "utf8", "-W", "ignore"]
    command += [str(_WORKER)] if docstrings else ["-X", "no_debug_ranges", str(_WORKER), "--without-docstrings"]
    reply = subprocess.run(command, input=request, stdout=subprocess.PIPE, check=True).stdout
    results: list[tuple[bytes, str, int]] = marshal.loads(reply)  # noqa: S302 (from our own child process)
    return dict(zip(names, results, strict=True))


def syntax_finding(name: str, message: str, line: int) -> Finding:
    """What is wrong with the source file `name` (its name in the zip), at `line` (0: unknown)."""
    return Finding(
        rule="HANDLER-SYNTAX",
        component=f"{name}, line {line}" if line else name,
        field="source",
        value=message,
        accepts="Python that compiles",
        remedy="correct the file",
    )

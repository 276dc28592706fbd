"""Where an interpreter for the zip can come from: one module a kind of source, all with the same result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Interpreter:
    """The files of one CPython that go into the zip, trimmed but not yet compiled and stripped."""

    version: str
    """Such as `3.13.0`."""
    architecture: str
    """`x86_64` or `arm64`."""
    glibc: str
    """Version of the C library that goes along, such as `2.36`."""
    program: Path
    """The interpreter's ELF file."""
    compiler: Path
    """A program of the same Python version that runs on this host."""
    loader: Path
    libraries: Mapping[str, Path]
    """Soname -> file, without the loader."""
    standard_library: Path
    modules: tuple[Path, ...]
    """`.py` and extension modules, relative to `standard_library`."""
    library_folder: str
    """Name of the folder that a CPython looks for its standard library in, below its prefix: `lib/python3.13`."""

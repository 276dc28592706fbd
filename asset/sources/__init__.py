"""Where an interpreter for the zip can come from: one module a kind of source, all with the same result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Interpreter:
    """The files of one CPython that go into the zip, trimmed but not yet compiled and stripped."""

    version: str
    """Such as `3.13.0`."""
    architecture: str
    """`x86_64` or `arm64`."""
    program: Path
    """The interpreter's ELF file."""
    modules: Mapping[str, Path]
    """`.py` and extension modules, by their names below the library folder."""
    library_folder: str
    """Name of the folder that this CPython looks for its standard library in, below its prefix: `lib/python3.13`."""
    libraries: Mapping[str, Path]
    """Soname -> file, without the loader."""
    licences: Callable[[], Mapping[str, bytes]]
    """File name -> licence text; asked for only when the interpreter is packed."""
    loader: Path | None = None
    """The dynamic loader that goes along; None where the image's own loader and C library are used."""
    glibc: str = ""
    """Version of the C library that goes along, such as `2.36`; empty without a loader."""
    optional: Mapping[str, Path] = field(default_factory=dict)
    """Soname -> file of libraries that go along only where something in the zip needs them."""
    libraries_folder: str = "lib"
    """Where the libraries go, below the prefix."""
    search_path: bool = False
    """Whether the image's loader has to be told where the libraries are; else their files say it of each other."""
    generated: Mapping[str, str] = field(default_factory=dict)
    """Further modules by name below the library folder, and their sources."""

    @property
    def name(self) -> str:
        """Such as `python3.13`."""
        return "python" + ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class Request:
    """What a source is asked for."""

    root: Path
    """The project's folder."""
    architecture: str
    """`x86_64`, `arm64`, or empty for this machine's."""
    tree: Callable[[str, Callable[[Path], None]], Path]
    """Name, and what fills a folder -> that folder, filled once and kept."""

"""The interpreter that runs this program, with its own loader and C library: works offline and on any glibc."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from asset import elf, libraries, licences, trim
from asset.binaries import ARCHITECTURES
from asset.sources import Interpreter
from rules.finding import Finding, UserError, require_none

_OLDEST_GLIBC = (2, 33)
"""First glibc whose loader knows `--argv0`, without which `sys.executable` would name the wrong file."""

_REQUIRED_MODULES = ("_hashlib", "_socket", "_ssl", "zlib")

OPENED_AT_RUN_TIME = (
    "libgcc_s.so.1",
    "libresolv.so.2",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
)
"""What no DT_NEEDED of the interpreter names: thread cancellation, name service, and what wheels link to."""

FOR_WHEELS = ("libstdc++.so.6",)
"""What only dependencies need, and not all of them: it takes 0.75 MB of the zip."""

_ON_LINUX = (
    "run make in a Linux machine, container or WSL with Debian 12, Ubuntu 22.04, Amazon Linux 2023 or newer, "
    'for example `docker run --rm -it -v "$PWD":/src -w /src python:3.13 make up`'
)


def locate(architecture: str = "") -> Interpreter:
    """Find the running CPython and all that it needs; a virtual environment counts as the CPython below it.

    Raises UserError when this host's Python cannot run elsewhere: no Linux, no CPython, no glibc or one before 2.33,
    a processor that neither cloud has or another than `architecture`, a missing library or extension module.
    """
    require_linux()
    require_none(_host_findings())
    program = running_program()
    head = elf.read(program)
    require_none(_program_findings(program, head, architecture))
    standard_library = running_library()
    modules = {str(name): standard_library / name for name in trim.standard_library(standard_library)}
    loader = Path(head.interpreter or "")
    search = libraries.Search(head.machine)
    extras = {name: path for name in OPENED_AT_RUN_TIME if (path := search.find(name))}
    extensions = [path for path in modules.values() if path.suffix == ".so"]
    found = libraries.closure([program, *extensions, *extras.values()], search) | extras
    found.pop(loader.name, None)
    optional = {name: path for name in FOR_WHEELS if name not in found and (path := search.find(name))}
    files = {program.name: program, loader.name: loader, **found, **optional}
    return Interpreter(
        version=platform.python_version(),
        architecture=ARCHITECTURES[head.machine],
        glibc=_glibc(),
        program=program,
        loader=loader,
        libraries=found,
        optional=optional,
        modules=modules,
        library_folder=f"{sys.platlibdir}/{standard_library.name}",
        licences=partial(licences.of_host, platform.python_version(), files, standard_library),
    )


def running_program() -> Path:
    """The ELF file of the Python that runs this program; it compiles for all sources."""
    return Path("/proc/self/exe").resolve()


def running_library() -> Path:
    """The standard library of the Python that runs this program."""
    return Path(sysconfig.get_path("stdlib"))


def require_linux() -> None:
    """Raise UserError on another operating system, where nothing here works."""
    if sys.platform != "linux":
        raise UserError([_finding("operating system", sys.platform, "linux", _ON_LINUX)])


def _host_findings() -> Iterator[Finding]:
    if sys.implementation.name != "cpython":
        name = sys.implementation.name
        yield _finding("implementation", name, "cpython", "run the build with a CPython")
    if _version(_glibc()) < _OLDEST_GLIBC:
        accepts = f"glibc {'.'.join(map(str, _OLDEST_GLIBC))} or newer"
        yield _finding("C library", _glibc() or "no glibc", accepts, _ON_LINUX)
    for name in _REQUIRED_MODULES:
        if importlib.util.find_spec(name) is None:
            remedy = "install or build a Python that has it (when building: with the headers of OpenSSL and zlib)"
            yield _finding("missing module", name, "a Python with this module", remedy)


def _program_findings(program: Path, head: elf.Elf, architecture: str) -> Iterator[Finding]:
    if architecture and architecture != ARCHITECTURES.get(head.machine):
        remedy = f"set `interpreter` to wheel, deb or archive, or build on {architecture}"
        yield _finding("processor", platform.machine(), architecture, remedy)
    if head.machine not in ARCHITECTURES:
        accepts = " or ".join(ARCHITECTURES.values())
        yield _finding("processor", platform.machine(), accepts, f"build on {accepts}")
    if head.interpreter is None:
        remedy = "use a Python that is linked dynamically, as distributions and pyenv build it"
        yield _finding("program", str(program), "a program with a dynamic loader", remedy)


def _finding(field: str, value: str, accepts: str, remedy: str) -> Finding:
    return Finding("ASSET-HOST", "interpreter from this host", field, value, accepts, remedy)


def _glibc() -> str:
    """Version of the running glibc; empty for another C library."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return ""
    return version if name == "glibc" else ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())

"""CPython from a tarball: python-build-standalone's, or any other with `bin/` and `lib/` below one prefix.

The tarball is named in `interpreter.lock.json`, by processor, with its SHA-256; nothing unpinned is used:
`{"archive": {"x86_64": {"source": "https://… or a path", "sha256": "…"}}}`.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
import tarfile
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from asset import elf, libraries, licences, trim
from asset.binaries import ARCHITECTURES
from asset.sources import Interpreter, Request
from rules.finding import Finding, UserError

LOCK = "interpreter.lock.json"

_WAIT_S = 60
_HASH = re.compile(r"[0-9a-f]{64}")
_PINNED = f"in {LOCK} with `source` (a URL or a path) and `sha256` (64 hex digits)"
_MACHINES = {"aarch64": "arm64"}


def locate(request: Request) -> Interpreter:
    """Fetch, check and unpack the pinned tarball; raises UserError for an unpinned one and for wrong content."""
    architecture = request.architecture or _MACHINES.get(platform.machine(), platform.machine())
    source, digest = _pin(request.root, architecture)
    folder = request.tree(f"archive-{digest[:16]}", partial(_fill, request.root, source, digest))
    return _interpreter(folder, architecture)


def _pin(root: Path, architecture: str) -> tuple[str, str]:
    try:
        pin: Any = json.loads((root / LOCK).read_bytes())["archive"][architecture]
        source, digest = pin["source"], pin["sha256"]
    except (OSError, ValueError, LookupError, TypeError):
        _refuse(f"archive for {architecture}", "not pinned", _PINNED, "add it, with the SHA-256 that its maker gives")
    if not isinstance(source, str) or not isinstance(digest, str) or not _HASH.fullmatch(digest):
        _refuse(f"archive for {architecture}", str(pin), _PINNED, "correct it")
    return source, digest


def _fill(root: Path, source: str, digest: str, folder: Path) -> None:
    data = _content(root, source)
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        _refuse("sha256", found, f"{digest}, as in {LOCK}", "fetch the file anew, or correct the pin if you trust it")
    if not hasattr(tarfile, "data_filter"):
        _refuse("Python", platform.python_version(), "3.11.4 or newer, which unpacks tarballs safely", "update Python")
    packed = folder / "archive"
    packed.write_bytes(data)
    try:
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        _refuse("archive", f"{source} ({error})", "a whole tarball that stays inside its folder", "take another one")
    packed.unlink()


def _content(root: Path, source: str) -> bytes:
    try:
        if source.startswith(("https://", "http://")):
            with urllib.request.urlopen(source, timeout=_WAIT_S) as answer:  # noqa: S310 (one of the two above)
                return answer.read()
        return (root / source).read_bytes()
    except (OSError, urllib.error.URLError, ValueError) as error:
        _refuse("archive", f"{source} ({error})", "a file that can be read", "correct the source, or try again")


def _interpreter(folder: Path, architecture: str) -> Interpreter:
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    prefix = next((path.parents[2] for path in sorted(folder.glob(f"**/lib/{minor}/os.py"))), None)
    if prefix is None or not (prefix / "bin" / minor).exists():
        remedy = "take a tarball of that version, or run the program with the tarball's"
        _refuse(
            "content", "another Python or none", f"bin/{minor} and lib/{minor}, the running Python's version", remedy
        )
    program = (prefix / "bin" / minor).resolve()
    found = ARCHITECTURES.get(elf.read(program).machine, "another")
    if found != architecture:
        _refuse("processor", found, architecture, f"pin a tarball for {architecture} in {LOCK}")
    library = prefix / "lib" / minor
    modules = {str(name): library / name for name in trim.standard_library(library)}
    extensions = [path for path in modules.values() if path.suffix == ".so"]
    along = libraries.within([prefix / "lib"], [program, *extensions])
    return Interpreter(
        version=_version(prefix, minor),
        architecture=architecture,
        program=program,
        modules=modules,
        library_folder=f"lib/{minor}",
        libraries=along,
        search_path=bool(along),
        licences=partial(_licences, prefix, library),
    )


def _version(prefix: Path, minor: str) -> str:
    """As the header file says it, which not every tarball has."""
    header = prefix / "include" / minor / "patchlevel.h"
    if header.is_file():
        match = re.search(r'#define PY_VERSION\s+"([^"]+)"', header.read_text(encoding="utf-8", errors="replace"))
        if match:
            return match[1]
    return minor.removeprefix("python")


def _licences(prefix: Path, library: Path) -> dict[str, bytes]:
    """What the tarball has of them; python-build-standalone keeps them in `licenses/` beside the prefix or in it."""
    found = licences.of_python(library)
    for folder in (prefix / "licenses", prefix.parent / "licenses"):
        found.update({path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()})
    return found


def _refuse(field: str, value: str, accepts: str, remedy: str) -> NoReturn:
    raise UserError([Finding("ASSET-ARCHIVE", "interpreter from an archive", field, value, accepts, remedy)])

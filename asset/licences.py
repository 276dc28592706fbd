"""Gathers the licence texts of what goes into the zip, and where its sources are to be had."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

_DOCUMENTS = Path("/usr/share/doc")
_TEXTS = Path(__file__).with_name("texts")
_COMMON = Path("/usr/share/common-licenses")
_COMMON_NAME = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-[0-9.]*[0-9])?)")


def of_host(version: str, origins: Mapping[str, Path], standard_library: Path) -> dict[str, bytes]:
    """Licence file name -> text, with an index (`README`) of which file came from which package and source.

    `origins` are the binaries that go along. Texts come from the standard library's own LICENSE.txt and from Debian's
    package database. On a host with another package manager the index still names every library, and says that its
    text has to be added by hand.
    """
    packages = _packages(origins)
    sources = _source_packages(packages.values())
    return {**of_packages(f"CPython {version}", origins, packages, sources), **of_python(standard_library)}


def of_packages(
    title: str,
    names: Iterable[str],
    packages: Mapping[str, str],
    sources: Mapping[str, str],
    documents: Path = _DOCUMENTS,
) -> dict[str, bytes]:
    """The same for the files `names`, where it is known which of the distribution's `packages` each came from."""
    found = _package_texts(packages.values(), documents)
    found["README"] = _index(title, names, packages, sources).encode()
    return found


def of_python(standard_library: Path) -> dict[str, bytes]:
    """Python's own licence, where the folder has it."""
    own = standard_library / "LICENSE.txt"
    return {"CPython.txt": own.read_bytes()} if own.is_file() else {}


def text(name: str) -> bytes:
    """A licence text that comes with this package, for what is packed without its own."""
    return (_TEXTS / name).read_bytes()


def _packages(origins: Mapping[str, Path]) -> dict[str, str]:
    """File name -> Debian package that installed it; without those that no package installed."""
    if shutil.which("dpkg") is None:
        return {}
    spellings = {spelling: name for name, path in origins.items() for spelling in _spellings(path)}
    # The exit code is 1 as soon as one of the files belongs to no package, which is usual here.
    listing = subprocess.run(["dpkg", "-S", *spellings], capture_output=True, text=True, check=False).stdout
    owners: dict[str, str] = {}
    for line in listing.splitlines():
        package, _, path = line.rpartition(": ")
        if path in spellings:
            owners[spellings[path]] = package.split(",")[0].split(":")[0]
    return owners


def _spellings(path: Path) -> set[str]:
    """The names under which the database may know a file: `/usr/lib/x` was `/lib/x` before the two were merged."""
    resolved = str(path.resolve())
    return {str(path), resolved, resolved.removeprefix("/usr"), f"/usr{path}"}


def _source_packages(packages: Iterable[str]) -> dict[str, str]:
    """Package -> its source package and version, such as `glibc 2.36-9`."""
    names = sorted(set(packages))
    if not names:
        return {}
    layout = "${Package}\t${source:Package} ${source:Version}\n"
    listing = subprocess.run(["dpkg-query", "-W", "-f", layout, *names], capture_output=True, text=True, check=False)
    return dict(line.split("\t", 1) for line in listing.stdout.splitlines())


def _package_texts(packages: Iterable[str], documents: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for package in set(packages):
        path = documents / package / "copyright"
        if not path.is_file():
            continue
        text = path.read_bytes()
        found[f"{package}.txt"] = text
        for name in _COMMON_NAME.findall(text.decode(errors="replace")):
            if (_COMMON / name).is_file():
                found[f"common/{name}.txt"] = (_COMMON / name).read_bytes()
    return found


def _index(title: str, names: Iterable[str], packages: Mapping[str, str], sources: Mapping[str, str]) -> str:
    lines = [f"{title} and the libraries that go along with it, each under its own licence.", ""]
    for name in sorted(names):
        package = packages.get(name)
        if package is None:
            lines.append(f"{name}: no package of the build host; see CPython.txt if it is part of Python")
        else:
            lines.append(f"{name}: package {package}, source {sources.get(package, 'unknown')}")
    return "\n".join(lines) + "\n"

"""What the ELF files of a zip ask of each other and of the image that loads them.

A zip that carries a loader and its C library (`python/lib/ld-linux-*`) loads everything with these, so that the image
does not matter; but a program that is started by itself, such as a tool of the handler's, gets the image's loader.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from asset import elf
from asset.targets import Target
from rules.finding import Finding

ARCHITECTURES = {elf.X86_64: "x86_64", elf.AARCH64: "arm64"}
LOADERS = {elf.X86_64: "/lib64/ld-linux-x86-64.so.2", elf.AARCH64: "/lib/ld-linux-aarch64.so.1"}
LIBRARIES = PurePosixPath("python/lib")
_PROGRAMS = PurePosixPath("python/bin")

_VERSION = re.compile(r"(GLIBC|GLIBCXX|CXXABI)_([0-9]+(?:\.[0-9]+)*)")
_RELATIVE_RELOCATIONS = "GLIBC_ABI_DT_RELR"
_SINCE_GLIBC = (2, 36)
"""First glibc that reads packed relative relocations, which the version above asks for."""


class Binaries:
    """The ELF files of one zip: name -> what it says of itself, and the mode that it is unpacked with."""

    def __init__(self, heads: Mapping[PurePosixPath, elf.Elf], modes: Mapping[PurePosixPath, int]) -> None:
        self.heads = heads
        self.modes = modes
        self._inherited = {folder for name, head in heads.items() for folder in _folders(head.rpath, name)}
        self._has_own_loader = any(_is_loader(name) for name in heads)

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the files wherever the zip is deployed."""
        yield from self._machines()
        for name, head in self.heads.items():
            mode = self.modes[name]
            if (_is_loader(name) or _is_program(head)) and not executable(mode):
                remedy = f"run `chmod +x {name}`, then build again"
                yield Finding("ASSET-MODE", str(name), "mode", oct(mode), "executable for all (0o755)", remedy)
            if self._is_loaded_by_own(name, head):
                yield from self._versions_in_zip(name, head)
                yield from self._missing(name, head, None)

    def findings_on(self, target: Target) -> Iterator[Finding]:
        """What the files ask for that the target has not."""
        foreign = [name for name in self.heads if _machine_name(self.heads[name].machine) not in target.architectures]
        if foreign:  # one stands for all: the processors of a zip are compared elsewhere
            value = _machine_name(self.heads[foreign[0]].machine)
            accepts = f"{' or '.join(target.architectures)}, as {target.cloud} has"
            remedy = "build for that processor, or switch this cloud off"
            yield Finding("ASSET-MACHINE", str(foreign[0]), "processor", value, accepts, remedy, target.source)
            return
        for name, head in self.heads.items():
            if not self._is_loaded_by_own(name, head):
                yield from self._missing(name, head, target)
                yield from _loader(name, head, target)
                yield from self._too_new(name, head, target)

    def _machines(self) -> Iterator[Finding]:
        """The loader's machine is the zip's; without one that of `bootstrap`, else that of the first file."""
        leaders = [name for name in self.heads if _is_loader(name) or str(name) == "bootstrap"] or list(self.heads)
        for name, head in self.heads.items():
            expected = self.heads[leaders[0]].machine
            if head.machine != expected:
                accepts = _machine_name(expected)
                remedy = f"put the {accepts} build of this file in its place"
                yield Finding("ASSET-MACHINE", str(name), "processor", _machine_name(head.machine), accepts, remedy)

    def _versions_in_zip(self, name: PurePosixPath, head: elf.Elf) -> Iterator[Finding]:
        """A library in the zip must offer each version of its symbols that a file in the zip asks for."""
        for library, versions in head.versions.items():
            found = self._find(library, name, head)
            offered = self.heads[found].defined if found else ()
            lacking = [version for version in versions if version not in offered]
            if offered and lacking:
                accepts = f"a version that {found} in the zip offers"
                remedy = "take an older build of the file, or build the zip on a newer system"
                yield Finding("ASSET-VERSION", str(name), f"needed version of {library}", lacking[-1], accepts, remedy)

    def _missing(self, name: PurePosixPath, head: elf.Elf, target: Target | None) -> Iterator[Finding]:
        """A library is found where `bootstrap` points the loader, or where a file in the zip says (ld.so(8))."""
        for library in head.needed:
            if (target and library in target.libraries) or self._find(library, name, head, target):
                continue
            accepts = f"in the zip or in {target.cloud}" if target else "in the zip"
            yield Finding("ASSET-LIBRARY", str(name), "needed library", library, accepts, _library_remedy(library))

    def _too_new(self, name: PurePosixPath, head: elf.Elf, target: Target) -> Iterator[Finding]:
        for library, versions in head.versions.items():
            if self._find(library, name, head, target):
                continue
            for family, newest in newest_versions(versions).items():
                offered = target.versions[family]
                if newest > offered:
                    accepts = f"at most {family}_{_dotted(offered)}, which {target.cloud} has"
                    field = f"needed version of {library}"
                    value = f"{family}_{_dotted(newest)}"
                    remedy = _version_remedy(target)
                    yield Finding("ASSET-GLIBC", str(name), field, value, accepts, remedy, target.source)

    def _find(
        self, library: str, name: PurePosixPath, head: elf.Elf, target: Target | None = None
    ) -> PurePosixPath | None:
        """The file of the zip that the loader takes for a library which the file `name` needs."""
        searched = [PurePosixPath(folder) for folder in target.searched] if target else []
        if self._is_loaded_by_own(name, head) or not self._has_own_loader:
            searched.append(LIBRARIES)
        folders = [*self._inherited, *_folders(head.runpath, name), *searched]
        return next((folder / library for folder in folders if folder / library in self.heads), None)

    def _is_loaded_by_own(self, name: PurePosixPath, head: elf.Elf) -> bool:
        return self._has_own_loader and (name.parent == _PROGRAMS or not _is_program(head))


def executable(mode: int) -> bool:
    """For everyone: no cloud says as which user it starts a program."""
    return mode & 0o555 == 0o555


def newest_versions(versions: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The newest of each family: `["GLIBC_2.4", "GLIBC_2.34"]` gives `{"GLIBC": (2, 34)}`."""
    newest: dict[str, tuple[int, ...]] = {}
    for version in versions:
        if version == _RELATIVE_RELOCATIONS:
            newest["GLIBC"] = max(newest.get("GLIBC", ()), _SINCE_GLIBC)
        elif match := _VERSION.fullmatch(version):
            number = tuple(map(int, match[2].split(".")))
            newest[match[1]] = max(newest.get(match[1], ()), number)
    return newest


def _library_remedy(library: str) -> str:
    if "musl" in library:
        return "take the build for glibc (a manylinux wheel), or link the program statically"
    if library.startswith(("libssl.", "libcrypto.")):
        return (
            f"add {library} beside the file, or build it with OpenSSL linked statically (in Rust: rustls or vendored)"
        )
    return f"add {library}, or replace the file by a build that does not need it"


def _loader(name: PurePosixPath, head: elf.Elf, target: Target) -> Iterator[Finding]:
    expected = LOADERS.get(head.machine)
    if _is_program(head) and expected and head.interpreter != expected:
        remedy = "link the program statically, or build it for glibc"
        accepts = f"{expected}, the loader of {target.cloud}"
        yield Finding("ASSET-LOADER", str(name), "dynamic loader", head.interpreter, accepts, remedy)


def _version_remedy(target: Target) -> str:
    return (
        f"build it on a system with glibc {target.glibc} or older, link it statically (in Rust: the target "
        f"x86_64-unknown-linux-musl), or take a wheel for manylinux_{target.glibc.replace('.', '_')} or older"
    )


def _folders(paths: tuple[str, ...], name: PurePosixPath) -> set[PurePosixPath]:
    """The folders of the zip that search paths of the file `name` lead to."""
    local = (path.replace("${ORIGIN}", "$ORIGIN") for path in paths)
    return {
        PurePosixPath(posixpath.normpath(path.replace("$ORIGIN", str(name.parent))))
        for path in local
        if path.startswith("$ORIGIN")
    }


def _is_program(head: elf.Elf) -> bool:
    """Some libraries, libc among them, name a loader too, but no program has a soname."""
    return head.interpreter is not None and head.soname is None


def _is_loader(name: PurePosixPath) -> bool:
    return name.parent == LIBRARIES and name.name.startswith("ld-linux")


def _machine_name(machine: int) -> str:
    return ARCHITECTURES.get(machine, f"machine type {machine}")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))

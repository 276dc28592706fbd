"""What the clouds' images bring along, as far as a file in the zip can depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.finding import Finding, UserError

_GLIBC = frozenset(
    {
        *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"),
        *("libresolv.so.2", "libanl.so.1", "libnss_dns.so.2", "libnss_files.so.2"),
        *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"),
    }
)
_COMPILERS = frozenset({"libgcc_s.so.1", "libstdc++.so.6"})
_DEBIAN = _GLIBC | _COMPILERS | {"libz.so.1", "libbz2.so.1.0", "liblzma.so.5", "libcrypt.so.1"}
"""What even a minimal Debian holds, since dpkg and apt need it."""

_SHELLS = frozenset({"/bin/sh", "/bin/bash", "/usr/bin/env"})
_MERGED = _SHELLS | {"/usr/bin/sh", "/usr/bin/bash"}


@dataclass(frozen=True)
class Target:
    """One image in which the zip has to start."""

    name: str
    cloud: str
    """As a sentence names it, such as `Lambda's provided.al2023`."""
    architectures: tuple[str, ...]
    versions: Mapping[str, tuple[int, ...]]
    """Newest symbol version that the image's libraries offer: `GLIBC`, `GLIBCXX` and `CXXABI` -> (2, 34)."""
    libraries: frozenset[str]
    """Sonames that are surely there: the C library and what the image's own package manager needs."""
    programs: frozenset[str]
    """What a `#!` line can name."""
    searched: tuple[str, ...] = ()
    """Folders of the zip in the image's LD_LIBRARY_PATH; empty text for the root."""
    unpacked_limit: int | None = None
    """Bytes that the zip may take once unpacked; None where no document says."""
    source: str = ""
    """Title of the document that names the image."""

    @property
    def glibc(self) -> str:
        """Such as `2.34`."""
        return ".".join(map(str, self.versions["GLIBC"]))


def _versions(glibc: tuple[int, ...], glibcxx: tuple[int, ...], cxxabi: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"GLIBC": glibc, "GLIBCXX": glibcxx, "CXXABI": cxxabi}


def _debian(
    release: int, runtime: str, versions: dict[str, tuple[int, ...]], *more: str, languages: tuple[str, ...] = ()
) -> Target:
    return Target(
        name=f"debian{release}",
        cloud=f"Function Compute's {runtime}",
        architectures=("x86_64",),
        versions=versions,
        libraries=_DEBIAN | set(more),
        programs=(_SHELLS if release < 10 else _MERGED) | set(languages),
        source="Function Compute, Custom runtimes, Overview",
    )


_FC_PYTHON = "/var/fc/lang/python{0}/bin/python{0}"

TARGETS = (
    Target(
        name="al2023",
        cloud="Lambda's provided.al2023",
        architectures=("x86_64", "arm64"),
        versions=_versions((2, 34), (3, 4, 29), (1, 3, 13)),
        libraries=_GLIBC
        | _COMPILERS
        | {"libz.so.1", "libbz2.so.1", "liblzma.so.5", "libcrypt.so.2", "libssl.so.3", "libcrypto.so.3"},
        programs=_MERGED,
        searched=("", "lib"),
        unpacked_limit=250 * 1024 * 1024,
        source="Amazon Linux 2023 User Guide, Using AL2023 based AWS Lambda runtimes",
    ),
    _debian(9, "custom", _versions((2, 24), (3, 4, 22), (1, 3, 10))),
    _debian(
        10,
        "custom.debian10",
        _versions((2, 28), (3, 4, 25), (1, 3, 11)),
        languages=(_FC_PYTHON.format("3.10"), "/var/fc/lang/nodejs20/bin/node", "/var/fc/lang/nodejs18/bin/node"),
    ),
    _debian(11, "custom.debian11", _versions((2, 31), (3, 4, 28), (1, 3, 12)), languages=(_FC_PYTHON.format("3.12"),)),
    _debian(12, "custom.debian12", _versions((2, 36), (3, 4, 30), (1, 3, 13)), languages=("/usr/bin/python3",)),
)
"""Versions of Debian are those of its stock packages; Function Compute's documents name the release only."""

NAMES = tuple(target.name for target in TARGETS)
DEPLOYED = {"aws": "al2023", "alibaba": "debian10"}
"""The image that a stack deploys to on each cloud."""
_BY_NAME = {target.name: target for target in TARGETS}

LAMBDA = _BY_NAME["al2023"]
FUNCTION_COMPUTE = _BY_NAME["debian10"]


def named(name: str) -> Target:
    """The target of that name; raises UserError for none."""
    if name not in _BY_NAME:
        accepts = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"
        raise UserError([Finding("ASSET-TARGET", "audit", "target", name, accepts, "name one of these")])
    return _BY_NAME[name]

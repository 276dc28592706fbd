"""Installs `handlers/requirements.txt` for the interpreter in the zip, whatever this machine is.

pip resolves it with the platform tags of the target's glibc and processor, from wheels alone. Hashes count as pip
counts them: as soon as one line has one, all need one.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from asset import bytecode, pip, tree
from asset.pack import Member
from asset.sources import Interpreter
from asset.sources.host import running_program
from asset.targets import Target
from rules.finding import Finding, UserError

REQUIREMENTS = "handlers/requirements.txt"
FOLDER = "deps"

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_OLDEST = (2, 5)
_ALIASES = {(2, 5): "manylinux1", (2, 12): "manylinux2010", (2, 17): "manylinux2014"}

_SKIPPED_WHEEL = re.compile(r"none of the wheel's tags \(([^)]*)\) are compatible.*?: \S*?([^/\s#]+\.whl)")
_SKIPPED_SOURCE = re.compile(r"No sources permitted for \S+: \S*?([^/\s#]+\.(?:tar\.gz|zip|tar\.bz2|tgz))")
_NOT_FOUND = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+(?:==[^\s,;]+)?)")


def glibc_for(python: Interpreter, targets: Sequence[Target]) -> tuple[int, ...]:
    """The glibc that wheels will meet: the one in the zip, else the oldest of the targets."""
    if python.glibc:
        return tuple(int(part) for part in python.glibc.split(".")[:2])
    return min(target.versions["GLIBC"] for target in targets)


def members(requirements: bytes, python: Interpreter, glibc: tuple[int, ...]) -> dict[str, Member]:
    """Everything below `deps/` in the zip: what the requirements name, and what that needs, as bytecode.

    Raises UserError with one finding for each package that has no fitting wheel.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "requirements.txt").write_bytes(requirements)
        try:
            pip.attempt("install", *_arguments(work, python, glibc))
        except pip.PipError as error:
            raise UserError(_explained(str(error), python, glibc)) from error
        found = tree.read(work, FOLDER)
    kept = {path: member for path, member in found.items() if _is_kept(PurePosixPath(path))}
    sources = {path: member.data for path, member in kept.items() if path.endswith(".py")}
    for path, (pyc, _, _) in bytecode.attempted(sources, running_program()).items():
        if pyc:  # templates and code for other versions of Python stay as they are
            del kept[path]
            kept[f"{path}c"] = Member(pyc)
    return kept


def platform_tags(glibc: tuple[int, ...], architecture: str) -> list[str]:
    """All that a glibc can load, newest first: `manylinux_2_28_x86_64`, … (PEP 600 and its predecessors)."""
    machine = _MACHINES[architecture]
    tags: list[str] = []
    for minor in range(glibc[1], _OLDEST[1] - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if (2, minor) in _ALIASES:
            tags.append(f"{_ALIASES[2, minor]}_{machine}")
    return [*tags, f"linux_{machine}"]


def _arguments(work: Path, python: Interpreter, glibc: tuple[int, ...]) -> Iterator[str]:
    yield from ("--target", str(work / FOLDER), "--no-compile", "--python-version", python.name.removeprefix("python"))
    for tag in platform_tags(glibc, python.architecture):
        yield from ("--platform", tag)
    yield from ("-r", str(work / "requirements.txt"))


def _is_kept(path: PurePosixPath) -> bool:
    """Not the commands of packages, which name this machine's Python, nor what only pip reads."""
    if path.parts[1] == "bin":
        return False
    in_metadata = path.parts[1].endswith(".dist-info")
    return not (in_metadata and path.name in {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


def _explained(output: str, python: Interpreter, glibc: tuple[int, ...]) -> list[Finding]:
    """Which package has no wheel for the target, and what it has instead, out of pip's log."""
    missing = _NOT_FOUND.search(output)
    if missing is None:
        return [pip.unexplained(output)]
    name, _, wanted = missing[1].partition("==")
    if not wanted and "(from versions: none)" not in output:
        return [pip.unexplained(output)]  # there are wheels that fit, but the requirement asks for another version
    where = f"glibc {'.'.join(map(str, glibc))} on {python.architecture}, Python {python.name.removeprefix('python')}"
    wheels = [(file, tags) for tags, file in _SKIPPED_WHEEL.findall(output) if _fits(file, name, wanted, python)]
    sources = [file for file in _SKIPPED_SOURCE.findall(output) if _is_of(file, name, wanted)]
    if wheels:
        file, tags = max(wheels, key=lambda wheel: _number(_version_of(wheel[0], name)))
        remedy = f"pin an older version of {name} in {REQUIREMENTS}, or take an interpreter with a newer C library"
        return [_finding(f"{name} {_version_of(file, name)}", "tag of the wheel", tags, where, remedy)]
    if sources:
        file = max(sources, key=lambda source: _number(_version_of(source, name)))
        remedy = f"build a wheel of it (`pip wheel {name}`) in that system and name its file, or do without it"
        return [_finding(f"{name} {_version_of(file, name)}", "only form", f"source ({file})", where, remedy)]
    return [pip.unexplained(output)]


def _finding(component: str, field: str, value: str, where: str, remedy: str) -> Finding:
    return Finding("ASSET-DEPENDENCY", component, field, value, f"a wheel for {where}", remedy)


def _fits(file: str, name: str, wanted: str, python: Interpreter) -> bool:
    """A wheel of that version, for our Python and processor, that only asks for a newer glibc."""
    tag = f"-cp{python.name.removeprefix('python').replace('.', '')}-"
    right = (tag in file or "-abi3-" in file) and _MACHINES[python.architecture] in file and "manylinux" in file
    return right and _is_of(file, name, wanted)


def _is_of(file: str, name: str, wanted: str) -> bool:
    return _plain(file).startswith(f"{_plain(name)}-") and wanted in {"", _version_of(file, name)}


def _version_of(file: str, name: str) -> str:
    """`1.2` of `some_name-1.2-cp311-….whl` and of `some-name-1.2.tar.gz`."""
    return re.sub(r"\.(tar\.gz|zip|tar\.bz2|tgz)$", "", file[len(name) + 1 :]).split("-", 1)[0]


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]", "-", name.lower())

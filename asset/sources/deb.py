"""CPython and its libraries from the distribution's own packages, through apt: for any processor that it serves.

Which packages those are stands in `interpreter.lock.json`, by processor, each with its SHA-256; `python -m asset lock`
writes it from this machine's apt sources. A build takes these files and no others, and asks for no package lists.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from asset import elf, libraries, licences, trim
from asset.binaries import ARCHITECTURES
from asset.sources import Interpreter, Request
from asset.sources.archive import LOCK
from asset.sources.host import FOR_WHEELS, OPENED_AT_RUN_TIME
from rules.finding import Finding, UserError

_HELPER = Path("/usr/lib/apt/apt-helper")
_NAMES = {"x86_64": "amd64", "arm64": "arm64"}
_MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}
_TRIPLETS = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}

_AS_ROOT = ["-o", "APT::Sandbox::User=root"]
"""Else apt, started by root, downloads as a user of its own, who may not enter our folder."""

_PRINTED = re.compile(r"'([^']+)' (\S+\.deb) \d+ SHA256:([0-9a-f]{64})")
_HASH = re.compile(r"[0-9a-f]{64}")
_FACTS = "packages.json"


def locate(request: Request) -> Interpreter:
    """Fetch, check and unpack the locked packages.

    Raises UserError where nothing is locked, apt is missing, a file is not to be had or is another than the locked.
    """
    architecture = _architecture(request.architecture)
    pins = _pins(request.root, architecture)
    digest = hashlib.sha256("\n".join(pins.values()).encode()).hexdigest()
    folder = request.tree(f"deb-{digest[:16]}", partial(_fill, pins))
    return _interpreter(folder, architecture)


def lock(root: Path, architecture: str) -> Path:
    """Write into the lock file which packages apt would install now, and return its path; raises UserError."""
    architecture = _architecture(architecture)
    pins = _resolved(architecture)
    path = root / LOCK
    try:
        locked: Any = json.loads(path.read_bytes()) if path.exists() else {}
        locked.setdefault("deb", {})[architecture] = [
            {"source": source, "sha256": digest} for source, digest in sorted(pins.items())
        ]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        _refuse(LOCK, str(error), "a lock file in JSON", "correct it, or take it away")
    path.write_text(json.dumps(locked, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path


def _architecture(wanted: str) -> str:
    architecture = wanted or _MACHINES.get(platform.machine(), platform.machine())
    if architecture not in _NAMES:
        _refuse("processor", architecture, " or ".join(_NAMES), "name one of these")
    return architecture


def _minor() -> str:
    """The running Python's, since it compiles the bytecode."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _resolved(architecture: str) -> dict[str, str]:
    """Source -> SHA-256 of CPython's packages and all that they depend on, whatever is installed here."""
    _require_apt()
    wanted = [f"{_minor()}-minimal", f"lib{_minor()}-stdlib", "libstdc++6"]
    with tempfile.TemporaryDirectory() as name:
        state = _state(Path(name), _NAMES[architecture])
        # One source of the machine that does not answer need not matter; whether it does shows in the next step.
        updated = _run(["apt-get", "-qq", *state, "update"])
        listed = _run(["apt-get", "-qq", *state, "install", "--no-install-recommends", "--print-uris", *wanted])
    if listed.returncode:
        said = _error(listed) if not updated.returncode else f"{_error(listed)} ({_error(updated)})"
        remedy = f"run the program with the distribution's own python3, or add a source with {_minor()} to apt's"
        _refuse("packages", said, f"{_minor()} for {architecture} in this machine's apt sources", remedy)
    pins = {source: digest for source, _, digest in _PRINTED.findall(listed.stdout)}
    if len(pins) != len([line for line in listed.stdout.splitlines() if line.startswith("'")]):
        _refuse("packages", "without SHA-256", "a signed source that lists SHA-256 hashes", "take another source")
    return pins


def _state(work: Path, architecture: str) -> list[str]:
    """Options that give apt lists and a status of its own: no root is needed, and no foreign architecture here."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    options = {
        "Dir::State": work,
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": work / "status",
        "Dir::Cache": work / "cache",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Acquire::ForceHash": "SHA256",
        "Acquire::Languages": "none",
    }
    return [*_AS_ROOT, *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def _pins(root: Path, architecture: str) -> dict[str, str]:
    accepts = f"in {LOCK}, each package with `source` and `sha256` (64 hex digits)"
    remedy = f"run `python -m asset --architecture {architecture} lock`"
    try:
        entries: Any = json.loads((root / LOCK).read_bytes())["deb"][architecture]
        pins = {entry["source"]: entry["sha256"] for entry in entries}
    except (OSError, ValueError, LookupError, TypeError):
        _refuse(f"packages for {architecture}", "not pinned", accepts, remedy)
    for source, digest in pins.items():
        if not isinstance(source, str) or not isinstance(digest, str) or not _HASH.fullmatch(digest):
            _refuse(f"packages for {architecture}", f"{source}: {digest}", accepts, remedy)
    return dict(sorted(pins.items()))


def _fill(pins: Mapping[str, str], folder: Path) -> None:
    _require_apt()
    packages = {folder / f"{digest}.deb": (source, digest) for source, digest in pins.items()}
    words = [word for path, (source, digest) in packages.items() for word in (source, str(path), f"SHA256:{digest}")]
    fetched = _run([str(_HELPER), *_AS_ROOT, "download-file", *words])
    if fetched.returncode:
        accepts = f"every package that {LOCK} names, with the SHA-256 there"
        remedy = "correct the network, or run `python -m asset lock` again: a source drops a package after an update"
        _refuse("download", _error(fetched), accepts, remedy)
    facts: dict[str, dict[str, str]] = {"of": {}, "version": {}, "source": {}}
    for path in packages:
        _unpack(path, folder / "root", facts)
        path.unlink()
    (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _unpack(package: Path, root: Path, facts: Mapping[str, dict[str, str]]) -> None:
    layout = "${Package}\n${Version}\n${source:Package} ${source:Version}\n"
    told = _run(["dpkg-deb", "--showformat", layout, "--show", str(package)])
    unpacked = _run(["dpkg-deb", "-x", str(package), str(root)])
    if told.returncode or unpacked.returncode:
        _refuse("package", _error(unpacked) or _error(told), "a whole Debian package", "take another source")
    name, version, source = told.stdout.splitlines()
    facts["version"][name] = version
    facts["source"][name] = source
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as listing,
        tarfile.open(fileobj=listing.stdout, mode="r|") as archive,
    ):
        facts["of"].update({Path(member.name).name: name for member in archive if not member.isdir()})


def _interpreter(folder: Path, architecture: str) -> Interpreter:
    root, facts = folder / "root", json.loads((folder / _FACTS).read_bytes())
    minor, triplet = _minor(), _TRIPLETS[architecture]
    program, library = root / "usr/bin" / minor, root / "usr/lib" / minor
    if not program.is_file() or not (library / "os.py").is_file():
        remedy = "run `python -m asset lock` with the Python that builds"
        _refuse("packages", "another Python", f"{minor}, the running Python's version", remedy)
    found = ARCHITECTURES.get(elf.read(program).machine, "another")
    if found != architecture:
        _refuse("processor", found, architecture, f"run `python -m asset --architecture {architecture} lock`")
    places = [root / part / triplet for part in ("lib", "usr/lib")]
    modules = {str(name): library / name for name in trim.standard_library(library)}
    extensions = [path for path in modules.values() if path.suffix == ".so"]
    extras = _present(places, OPENED_AT_RUN_TIME)
    along = libraries.within(places, [program, *extensions, *extras.values()]) | extras
    loader = _present(places, [_LOADERS[architecture]])[_LOADERS[architecture]]
    along.pop(loader.name, None)
    optional = {name: path for name, path in _present(places, FOR_WHEELS).items() if name not in along}
    files = [minor, loader.name, *along, *optional]
    of_files = {name: facts["of"][name] for name in files if name in facts["of"]}
    return Interpreter(
        version=_upstream(facts["version"][f"{minor}-minimal"]),
        architecture=architecture,
        glibc=_upstream(facts["version"]["libc6"]),
        program=program,
        loader=loader,
        libraries=along,
        optional=optional,
        modules=modules,
        library_folder=f"lib/{minor}",
        licences=partial(licences.of_packages, minor, files, of_files, facts["source"], root / "usr/share/doc"),
    )


def _present(places: Iterable[Path], names: Sequence[str]) -> dict[str, Path]:
    return {name: place / name for place in places for name in names if (place / name).is_file()}


def _upstream(version: str) -> str:
    """`2.36` of `2.36-9+deb12u14` (deb-version(7)): without Debian's epoch and revision."""
    return version.rpartition(":")[2].rpartition("-")[0]


def _require_apt() -> None:
    programs = {
        "apt-get": shutil.which("apt-get"),
        "dpkg-deb": shutil.which("dpkg-deb"),
        str(_HELPER): _HELPER.exists(),
    }
    for name, there in programs.items():
        if not there:
            remedy = "build on Debian or Ubuntu, or set `interpreter` to wheel or archive"
            _refuse("missing program", name, "a machine with apt", remedy)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # In its own language apt would mark errors with another letter.
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def _error(done: subprocess.CompletedProcess[str]) -> str:
    """The first thing that a program called an error, in one line."""
    errors = [line.removeprefix("E: ") for line in done.stderr.splitlines() if line.startswith("E: ")]
    return " ".join((errors or done.stderr.strip().splitlines() or [""])[0].split())


def _refuse(field: str, value: str, accepts: str, remedy: str) -> NoReturn:
    raise UserError([Finding("ASSET-DEB", "interpreter from packages", field, value, accepts, remedy)])

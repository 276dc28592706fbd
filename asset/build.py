"""Builds the two zips: the function's, the same on both clouds, and the edge function's.

What the bytes of `function.zip` depend on: the sources in `runtime/` and `handlers/`, the handler's name, this package,
and the Python that runs it (its standard library, its shared libraries, the host's glibc and zlib, and the licence
texts that came with them). Not on where any of this lies, nor on times, umask, locale, file order or hash seed, nor on
tools such as `strip`.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asset import audit, bytecode, handler, interpreter, launch, pack, tree
from asset.cache import Cache, Kept, stamp
from asset.pack import PROGRAM, Member
from asset.sources import Interpreter, host
from asset.targets import named
from rules.finding import Finding, UserError, require_none

Progress = Callable[[str], None]

OUTPUT = Path("dist")


@dataclass(frozen=True)
class Package:
    """A finished zip."""

    path: Path
    """Relative to the project's root."""
    sha256: str
    """Of the zip, hex."""
    size: int
    """Bytes of the zip."""
    unpacked_size: int
    """Bytes of all files in it."""


def _silent(_: str) -> None:
    """Tell nobody."""


def build_function(
    root: Path,
    handler_name: str,
    edge_handler_name: str,
    progress: Progress = _silent,
    *,
    target_names: Iterable[str] = ("al2023", "debian10"),
) -> Package:
    """Build `dist/function.zip` from `root/runtime` and `root/handlers`, or return it when no input changed.

    The names are `handlers.<module>.<function>`; the edge handler's module is left out. `progress` is told in one
    line what takes time. The zip is audited for the targets. Raises UserError.
    """
    targets = [named(each) for each in target_names]
    name = handler.parse_name(handler_name)
    handlers = handler.without_edge(tree.read(root, handler.PACKAGE), name, handler.parse_name(edge_handler_name))
    sources = _runtime_sources(root) | handlers
    with _project(root) as cache:
        python = host.locate()
        base_key = _interpreter_key(python)
        path = OUTPUT / "function.zip"
        key = _key(base_key, str(name), pack.digest(sources), *(target.name for target in targets))
        kept = cache.find(root / path, key)
        if kept is None:
            members = _application(name, sources, python)
            base = _interpreter_zip(cache, python, base_key, progress)
            members["manifest.json"] = _manifest(name, python, base, members)
            progress("packing function.zip")
            pack.write(cache.new(root / path), members, base.path)
            require_none(audit.findings(cache.new(root / path), targets))
            kept = _keep(cache, root / path, key, base.unpacked_size + pack.unpacked_size(members))
        return Package(path, kept.sha256, kept.size, kept.unpacked_size)


def build_edge(root: Path, handler_name: str) -> Package:
    """Build `dist/edge.zip`: the sources of the handler and of what it imports from `handlers`, no interpreter.

    Only these files, so that a change of another handler publishes no new version at the edge. Raises UserError.
    """
    name = handler.parse_name(handler_name)
    sources = tree.read(root, handler.PACKAGE)
    handler.check(name, sources)
    members = handler.with_imports(name, sources)
    require_none(handler.edge_findings(members))
    with _project(root) as cache:
        path = OUTPUT / "edge.zip"
        key = _key(pack.digest(members))
        kept = cache.find(root / path, key)
        if kept is None:
            pack.write(cache.new(root / path), members)
            kept = _keep(cache, root / path, key, pack.unpacked_size(members))
        return Package(path, kept.sha256, kept.size, kept.unpacked_size)


@contextmanager
def _project(root: Path) -> Iterator[Cache]:
    host.require_linux()
    cache = Cache(root / OUTPUT)
    try:
        with cache.locked():
            yield cache
    except OSError as error:
        path = Path(error.filename or root / OUTPUT)
        raise UserError([tree.unusable(path, error)]) from error


def _runtime_sources(root: Path) -> dict[str, Member]:
    sources = {name: member for name, member in tree.read(root, "runtime").items() if name.endswith(".py")}
    if "runtime/main.py" not in sources:
        path = root / "runtime/main.py"
        raise UserError(
            [Finding("ASSET-INPUT", "input of the zip", "missing file", str(path), "there", "restore it with git")]
        )
    return sources


def _application(name: handler.HandlerName, sources: Mapping[str, Member], python: Interpreter) -> dict[str, Member]:
    modules = {path: member.data for path, member in sources.items() if path.endswith(".py")}
    members = {path: member for path, member in sources.items() if path not in modules}
    members.update({path: Member(pyc) for path, pyc in bytecode.compiled(modules, python.compiler).items()})
    handler.check(name, sources)
    members["bootstrap"] = Member(launch.bootstrap(python), PROGRAM)
    return members


def _manifest(name: handler.HandlerName, python: Interpreter, base: Kept, application: Mapping[str, Member]) -> Member:
    facts = {
        "architecture": python.architecture,
        "digest": hashlib.sha256(f"{base.sha256}\n{pack.digest(application)}".encode()).hexdigest(),
        "glibc": python.glibc,
        "handler": str(name),
        "python": python.version,
    }
    return Member(json.dumps(facts, sort_keys=True, indent=2).encode() + b"\n")


def _interpreter_zip(cache: Cache, python: Interpreter, key: str, progress: Progress) -> Kept:
    """The zip of the interpreter alone: what takes seconds to make, and changes with the host only."""
    path = cache.records / "interpreter.zip"
    kept = cache.find(path, key)
    if kept is None:
        progress(f"compiling and packing CPython {python.version} ({python.architecture}, glibc {python.glibc})")
        members = interpreter.members(python)
        pack.write(cache.new(path), members)
        kept = cache.keep(path, key, pack.unpacked_size(members))
    return kept


def _keep(cache: Cache, path: Path, key: str, unpacked_size: int) -> Kept:
    return cache.keep(path, key, unpacked_size)


def _interpreter_key(python: Interpreter) -> str:
    files = {"program": python.program, "loader": python.loader, **python.libraries}
    files.update({str(name): python.standard_library / name for name in python.modules})
    return _key(stamp(files), python.version, python.library_folder)


def _key(*parts: str) -> str:
    """SHA-256 (hex) over parts, this package's own sources and the compressor that is used."""
    total = hashlib.sha256(zlib.ZLIB_RUNTIME_VERSION.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        total.update(path.read_bytes())
    total.update("\n".join(parts).encode())
    return total.hexdigest()

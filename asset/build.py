"""Builds the two zips: the function's, the same on both clouds, and the edge function's.

What the bytes of `function.zip` depend on: the sources in `runtime/` and `handlers/`, the wheels that their
requirements resolve to, the handler's name, this package, where the interpreter comes from, and the Python that runs
the build (its standard library, its shared libraries, the host's glibc and zlib, and the licence texts that came with
them). Not on where any of this lies, nor on times, umask, locale, file order or hash seed, nor on tools such as
`strip`.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asset import audit, bytecode, dependencies, handler, interpreter, launch, own, pack, tree
from asset.cache import Cache, Kept, stamp
from asset.pack import PROGRAM, Member
from asset.plan import Plan
from asset.sources import Interpreter, Request, choice, host
from rules.finding import Finding, UserError, require_none

Progress = Callable[[str], None]

OUTPUT = Path("dist")
FUNCTION = OUTPUT / "function.zip"
DEFAULT = Plan()


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
    plan: Plan = DEFAULT,
    *,
    further: Sequence[str] = (),
) -> Package:
    """Build `dist/function.zip` from `root/runtime` and `root/handlers`, or return it when no input changed.

    The names are `handlers.<module>.<function>`, `further` those of other functions that run the same zip; the edge
    handler's module is left out. `progress` is told in one
    line what takes time. With the interpreter `none` the zip holds what `plan.bootstrap_path` leads to instead. It is
    audited for the plan's targets. Raises UserError.
    """
    with _project(root) as cache:
        work = _Build(cache, root, plan, progress)
        if plan.interpreter == "none":
            kept = work.own()
        else:
            names = [handler.parse_name(name) for name in (handler_name, *further)]
            kept = work.function(names, handler.parse_name(edge_handler_name))
        return Package(FUNCTION, kept.sha256, kept.size, kept.unpacked_size)


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
            kept = cache.keep(root / path, key, pack.unpacked_size(members))
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


def _application(
    names: Sequence[handler.HandlerName], sources: Mapping[str, Member], python: Interpreter
) -> dict[str, Member]:
    modules = {path: member.data for path, member in sources.items() if path.endswith(".py")}
    members = {path: member for path, member in sources.items() if path not in modules}
    members.update({path: Member(pyc) for path, pyc in bytecode.compiled(modules, host.running_program()).items()})
    for name in names:
        handler.check(name, sources)
    members["bootstrap"] = Member(launch.bootstrap(python), PROGRAM)
    return members


def _manifest(name: handler.HandlerName, python: Interpreter, base: Kept, application: Mapping[str, Member]) -> Member:
    facts = {
        "architecture": python.architecture,
        "digest": hashlib.sha256(f"{base.sha256}\n{pack.digest(application)}".encode()).hexdigest(),
        "handler": str(name),
        "python": python.version,
    }
    if python.glibc:
        facts["glibc"] = python.glibc
    return Member(json.dumps(facts, sort_keys=True, indent=2).encode() + b"\n")


@dataclass(frozen=True)
class _Build:
    """One build of the function's zip."""

    cache: Cache
    root: Path
    plan: Plan
    progress: Progress

    def own(self) -> Kept:
        """The zip of a user who brings a `bootstrap`."""
        members = own.members(self.root, self.plan.bootstrap_path)
        return self.kept(FUNCTION, self.key(pack.digest(members)), lambda: (members, None))

    def function(self, names: Sequence[handler.HandlerName], edge: handler.HandlerName) -> Kept:
        """The zip with interpreter, runtime, handlers and what these need."""
        handlers = handler.without_edge(tree.read(self.root, handler.PACKAGE), names, edge)
        requirements = handlers.pop(dependencies.REQUIREMENTS, Member(b"")).data
        sources = _runtime_sources(self.root) | handlers
        python = choice.locate(self.plan.interpreter, Request(self.root, self.plan.architecture, self.cache.tree))
        glibc = dependencies.glibc_for(python, self.plan.targets)
        base_key = _key(_identity(python), hashlib.sha256(requirements).hexdigest(), str(glibc))

        def contents() -> tuple[dict[str, Member], Kept]:
            members = _application(names, sources, python)
            base = self.interpreter(python)
            if requirements.strip():
                base = self.dependencies(requirements, python, glibc, base)
            members.update(_optional(python, members, base))
            members["manifest.json"] = _manifest(names[0], python, base, members)
            self.progress("packing function.zip")
            return members, base

        return self.kept(FUNCTION, self.key(base_key, *map(str, names), pack.digest(sources)), contents)

    def interpreter(self, python: Interpreter) -> Kept:
        """The zip of the interpreter alone: what takes seconds to make, and changes with its source only."""

        def contents() -> tuple[dict[str, Member], None]:
            self.progress(f"compiling and packing CPython {python.version} ({python.architecture})")
            return interpreter.members(python), None

        return self.kept(OUTPUT / "cache/interpreter.zip", _key(_identity(python)), contents)

    def dependencies(self, requirements: bytes, python: Interpreter, glibc: tuple[int, ...], base: Kept) -> Kept:
        """The interpreter's zip with the handlers' dependencies: made anew when either changes."""

        def contents() -> tuple[dict[str, Member], Kept]:
            self.progress(f"installing {dependencies.REQUIREMENTS} for {python.name} on {python.architecture}")
            members = dependencies.members(requirements, python, glibc)
            return members | interpreter.optional_libraries(python, members), base

        key = _key(base.sha256, hashlib.sha256(requirements).hexdigest(), str(glibc))
        return self.kept(OUTPUT / "cache/dependencies.zip", key, contents)

    def key(self, *parts: str) -> str:
        """For a zip that is audited."""
        return _key(*parts, *(target.name for target in self.plan.targets))

    def kept(self, path: Path, key: str, contents: Callable[[], tuple[dict[str, Member], Kept | None]]) -> Kept:
        """The zip `path` when it was built from `key`, else a new one of members and the zip that they come upon.

        The function's own takes its place only when the audit finds nothing.
        """
        place = self.root / path
        kept = self.cache.find(place, key)
        if kept is None:
            members, base = contents()
            pack.write(self.cache.new(place), members, base.path if base else None)
            if path == FUNCTION:
                require_none(audit.findings(self.cache.new(place), self.plan.targets))
            unpacked_size = pack.unpacked_size(members) + (base.unpacked_size if base else 0)
            kept = self.cache.keep(place, key, unpacked_size)
        return kept


def _optional(python: Interpreter, members: Mapping[str, Member], base: Kept) -> dict[str, Member]:
    """Libraries that the handlers' own ELF files need, where the base has them not yet."""
    found = interpreter.optional_libraries(python, members)
    if found:
        with zipfile.ZipFile(base.path) as archive:
            found = {name: member for name, member in found.items() if name not in archive.namelist()}
    return found


def _identity(python: Interpreter) -> str:
    """Changes with every file of the interpreter."""
    files = {"program": python.program, **python.libraries, **python.optional, **python.modules}
    if python.loader is not None:
        files["loader"] = python.loader
    return f"{stamp(files)} {python.version} {python.library_folder}"


def _key(*parts: str) -> str:
    """SHA-256 (hex) over parts, this package's own sources and the compressor that is used."""
    total = hashlib.sha256(zlib.ZLIB_RUNTIME_VERSION.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        total.update(path.read_bytes())
    total.update("\n".join(parts).encode())
    return total.hexdigest()

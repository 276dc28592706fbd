"""Says what kind of project lies in a folder, and with which commands it is installed and built."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.site_build.problem import SiteBuildError

_LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
_PINNED = {"pnpm": "9.15.9", "yarn": "1.22.22", "berry": "4.6.0"}
"""Where package.json has no `packageManager`; they run on Node.js 18 and newer."""
_MANAGER = re.compile(r"(npm|pnpm|yarn|bun)@(\d+\.\d+\.\d+[A-Za-z0-9.-]*)(\+[A-Za-z0-9.]+)?")
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies")
_MANIFEST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Project:
    """A project and its commands, each a list of words."""

    folder: Path
    manager: str
    install: tuple[str, ...]
    """Empty where nothing is to be installed."""
    build: tuple[str, ...]


def find(folder: Path, command: str) -> Project:
    """The project in `folder`, or in the one folder in it; `command` replaces its build script.

    Raises SiteBuildError for none, two lock files of different package managers, or nothing to run.
    """
    root = _root(folder)
    package = _package(root / "package.json")
    locks = sorted(name for name in _LOCKS if (root / name).is_file())
    managers = {_LOCKS[name] for name in locks}
    if len(managers) > 1:
        raise SiteBuildError(
            f"The project has the lock files {' and '.join(locks)}, but must have one package manager's; "
            "remove the others and upload the archive again."
        )
    if managers == {"bun"}:
        raise SiteBuildError(
            f"The project's lock file is {locks[0]}, but must be package-lock.json, pnpm-lock.yaml or yarn.lock: "
            "Bun is not there; make a lock file with npm, pnpm or yarn."
        )
    if not managers and any(package.get(name) for name in _DEPENDENCIES):
        raise SiteBuildError(
            "The project has dependencies but no lock file, so that two builds of it could differ; run `npm install`, "
            "and pack package-lock.json with the rest (pnpm-lock.yaml and yarn.lock serve, too)."
        )
    manager = managers.pop() if managers else "npm"
    program = _program(manager, package, root)
    return Project(root, manager, _install(manager, program) if locks else (), _build(program, package, command))


def _root(folder: Path) -> Path:
    if (folder / "package.json").is_file():
        return folder
    inner = [path for path in folder.iterdir() if path.is_dir()]
    if len(inner) == 1 and (inner[0] / "package.json").is_file():
        return inner[0]
    raise SiteBuildError(
        "The archive has no package.json, but must have one at its root or in its only folder; pack the project itself."
    )


def _package(path: Path) -> Mapping[str, Any]:
    reason = f"{path.stat().st_size:,} bytes long"
    if path.stat().st_size <= _MANIFEST_BYTES:
        try:
            package = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            reason = f"no JSON: {error}"
        else:
            if isinstance(package, dict):
                return package
            reason = "JSON, but no object"
    raise SiteBuildError(
        f"The project's package.json is {reason}, but must be a JSON object of at most 1 MB; correct it."
    )


def _program(manager: str, package: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    """The words that start the package manager, in the version that the project names."""
    given = package.get("packageManager", "")
    match = _MANAGER.fullmatch(given) if isinstance(given, str) else None
    if given and (match is None or match[1] != manager):
        raise SiteBuildError(
            f"packageManager in package.json is {given!r}, but must name {manager}, as the lock file does, with an "
            f"exact version such as {manager}@{_PINNED.get(manager, '10.9.2')}; correct one of the two."
        )
    if manager == "npm":
        return ("npm",)
    berry = manager == "yarn" and _is_berry(root)
    version = match[2] if match else _PINNED["berry" if berry else manager]
    if berry or (manager == "yarn" and not version.startswith("1.")):
        return ("npx", "--yes", f"--package=@yarnpkg/cli-dist@{version}", "--", "yarn")
    return ("npx", "--yes", f"--package={manager}@{version}", "--", manager)


def _is_berry(root: Path) -> bool:
    with (root / "yarn.lock").open("rb") as file:
        return b"__metadata:" in file.read(4096)


def _install(manager: str, program: tuple[str, ...]) -> tuple[str, ...]:
    if manager == "npm":
        return (*program, "ci", "--no-audit", "--no-fund", "--include=dev")
    if manager == "yarn" and "cli-dist" in program[2]:
        return (*program, "install", "--immutable")
    return (*program, "install", "--frozen-lockfile")


def _build(program: tuple[str, ...], package: Mapping[str, Any], command: str) -> tuple[str, ...]:
    if command:
        return ("/bin/sh", "-c", command)
    scripts = package.get("scripts")
    if not isinstance(scripts, dict) or not scripts.get("build"):
        raise SiteBuildError(
            "The project's package.json has no script `build`, but must have one; add it, or name a command in "
            "the event's `command`."
        )
    return (*program, "run", "build")

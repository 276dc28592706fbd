"""A `bootstrap` of the user's own, such as a static Rust program: the interpreter `none`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from asset import elf, tree
from asset.binaries import ARCHITECTURES
from asset.pack import PLAIN, PROGRAM, Member
from rules.finding import Finding, UserError

_MANIFEST = "manifest.json"


def members(root: Path, place: str) -> dict[str, Member]:
    """What the user's folder or zip `place` (relative to `root`) holds, with a manifest where it has none.

    Raises UserError when there is nothing, or no `bootstrap` in it.
    """
    path = root / place
    if not place or not path.exists():
        raise UserError([_finding(place, "a folder or a zip that is there")])
    found = _of_zip(path) if path.is_file() else _of_folder(path)
    if "bootstrap" not in found:
        raise UserError([_finding(place, "a folder or a zip with a file `bootstrap` at its root")])
    found["bootstrap"] = Member(found["bootstrap"].data, PROGRAM)
    return {_MANIFEST: _manifest(found), **found}


def _of_folder(folder: Path) -> dict[str, Member]:
    prefix = f"{folder.name}/"
    return {name.removeprefix(prefix): member for name, member in tree.read(folder.parent, folder.name).items()}


def _of_zip(path: Path) -> dict[str, Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                info.filename: Member(archive.read(info), PROGRAM if info.external_attr >> 16 & 0o100 else PLAIN)
                for info in archive.infolist()
                if not info.is_dir()
            }
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise UserError([_finding(f"{path.name} ({error})", "a whole zip")]) from error


def _manifest(found: dict[str, Member]) -> Member:
    """Names the processor, which the components ask for."""
    facts = {}
    data = found["bootstrap"].data
    heads = [member.data for member in found.values() if elf.is_elf(member.data)]
    try:
        machine = elf.parse(data if elf.is_elf(data) else heads[0]).machine
        facts["architecture"] = ARCHITECTURES[machine]
    except (elf.ElfError, IndexError, KeyError):
        facts = {}  # a script, or what the audit complains about
    return Member(json.dumps(facts, sort_keys=True, indent=2).encode() + b"\n")


def _finding(value: str, accepts: str) -> Finding:
    remedy = "set `bootstrapPath` to what your build makes, such as target/lambda/hello, relative to the project"
    return Finding("ASSET-OWN", "interpreter none", "bootstrapPath", value, accepts, remedy)

"""Reads the user's folders into memory, and says what cannot go into a zip."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from asset.pack import PLAIN, PROGRAM, Member
from rules.finding import Finding, UserError


def read(root: Path, folder: str) -> dict[str, Member]:
    """All files below `root/folder`, by their names in the zip, but for hidden ones and compiled Python.

    A file that its owner may execute stays executable. Raises UserError for what cannot be read or is no file.
    """
    members: dict[str, Member] = {}
    findings: list[Finding] = []
    for path in _files(root / folder, findings):
        name = path.relative_to(root).as_posix()
        try:
            name.encode()
            executable = path.stat().st_mode & stat.S_IXUSR and path.suffix != ".py"
            members[name] = Member(path.read_bytes(), PROGRAM if executable else PLAIN)
        except UnicodeEncodeError:
            findings.append(_finding(path, "a name in UTF-8", "rename it"))
        except OSError as error:
            findings.append(unusable(path, error))
    if findings:
        raise UserError(findings)
    return members


def unusable(path: Path, error: OSError) -> Finding:
    """What to say about a file that the system refused to read or write."""
    return _finding(path, "a file that can be used", f"put this right: {error.strerror or error}")


def _files(folder: Path, findings: list[Finding]) -> Iterator[Path]:
    def report(error: OSError) -> None:
        findings.append(unusable(Path(error.filename or folder), error))

    for parent, directories, names in os.walk(folder, onerror=report):
        directories[:] = [name for name in directories if name != "__pycache__" and not name.startswith(".")]
        links = [path for name in directories if (path := Path(parent) / name).is_symlink()]
        findings.extend(_finding(path, "a folder, no link to one", "put a copy in its place") for path in links)
        for name in names:
            path = Path(parent) / name
            if name.startswith(".") or name.endswith(".pyc"):
                continue
            if path.exists() and not path.is_file():
                findings.append(_finding(path, "a plain file", "take it away"))
                continue
            yield path


def _finding(path: Path, accepts: str, remedy: str) -> Finding:
    return Finding("ASSET-INPUT", "input of the zip", "file", str(path), accepts, remedy)

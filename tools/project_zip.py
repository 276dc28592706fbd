"""A front-end project as one zip: what a build needs, the same bytes for the same files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from tools.problem import Problem

_LEFT_OUT = {"node_modules", "dist", ".git", ".DS_Store"}
_DATE = (1980, 1, 1, 0, 0, 0)
_FILE = 0o100644 << 16
_PROGRAM = 0o100755 << 16


def packed(project: Path) -> bytes:
    """The zip of a project's files in the order of their names, without what npm and the build have made.

    Raises Problem when there is no `package.json`, or a symbolic link, which a build elsewhere could not follow.
    """
    if not (project / "package.json").is_file():
        raise Problem(f"{project} has no package.json: restore the project from git.")
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(_names(project)):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = _PROGRAM if os.access(project / name, os.X_OK) else _FILE
            archive.writestr(entry, (project / name).read_bytes())
    return whole.getvalue()


def _names(project: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(project):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in (*files, *folders):
            path = Path(folder, name)
            if path.is_symlink():
                raise Problem(f"{path} is a symbolic link: put the file itself into the project.")
            if name in files and name not in _LEFT_OUT:
                yield path.relative_to(project).as_posix()

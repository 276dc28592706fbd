"""Finds what a build has written and reads it as what it may be: plain files of the build, and nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from handlers.site_build.problem import SiteBuildError

FOLDERS = ("dist", "build", "out")
FILES = 20_000
FILE_BYTES = 1024 * 1024 * 1024
TOTAL_BYTES = 4 * 1024 * 1024 * 1024
_NAME_BYTES = 1000
"""Bytes of an object's name: OSS takes 1,023, S3 1,024, and a prefix comes in front."""


@dataclass(frozen=True)
class Written:
    """One file of the output."""

    name: str
    """Relative to the output's folder, with slashes."""
    path: Path
    size: int


def collect(project: Path, output: str, owner: int | None) -> list[Written]:
    """All files of the output, sorted by name; every process of the build must have ended.

    `output` is relative to the project, empty for the first of `FOLDERS` with a page in it; `owner` is the user that
    has built. Raises SiteBuildError for no files, and for whatever is not a plain file of that user.
    """
    folder = output or _found(project)
    descriptor = _open(project, folder)
    try:
        written = sorted(_walk(project / folder, descriptor, owner), key=lambda file: file.name)
    finally:
        os.close(descriptor)
    if not written:
        raise SiteBuildError(
            f"The build has written nothing to {folder}/, but must write the site's files there; correct the build, "
            "or name the right folder in the event's `output`."
        )
    return written


def _found(project: Path) -> str:
    there = [name for name in FOLDERS if stat.S_ISDIR(_mode(project / name))]
    with_page = [name for name in there if stat.S_ISREG(_mode(project / name / "index.html"))]
    best = with_page or there
    if not best:
        raise SiteBuildError(
            f"The build has written none of the folders {', '.join(FOLDERS)}; name the folder that it writes in the "
            "event's `output`."
        )
    if len(best) > 1:
        raise SiteBuildError(f"The site may be in {' or '.join(best)}; name the right folder in the event's `output`.")
    return best[0]


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _open(project: Path, folder: str) -> int:
    """A descriptor of the folder, reached step by step without following a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(project, flags)
    for part in folder.split("/"):
        above = descriptor
        try:
            descriptor = os.open(part, flags, dir_fd=above)
        except OSError as error:
            raise SiteBuildError(
                f"The output folder {folder} is {_kind(error, project / folder)}, but must be a folder inside the "
                "project that the build writes; correct the build or the event's `output`."
            ) from error
        finally:
            os.close(above)
    return descriptor


def _kind(error: OSError, path: Path) -> str:
    return "not there" if isinstance(error, FileNotFoundError) else f"a link or a file ({path.name})"


def _walk(folder: Path, descriptor: int, owner: int | None) -> Iterator[Written]:
    count = total = 0
    for parent, folders, names, inside in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
        for name in (*names, *folders):
            path = os.path.normpath(f"{parent}/{name}")
            _require_name(path)
            status = os.lstat(name, dir_fd=inside)
            _require_plain(path, status, owner)
            if stat.S_ISDIR(status.st_mode):
                continue
            count, total = count + 1, total + status.st_size
            _require_room(path, status.st_size, count, total)
            yield Written(path, folder / path, status.st_size)


def _require_plain(path: str, status: os.stat_result, owner: int | None) -> None:
    is_file = stat.S_ISREG(status.st_mode)
    if not is_file and not stat.S_ISDIR(status.st_mode):
        raise _refused(path, "a link, a device or a pipe", "a plain file or a folder")
    if is_file and status.st_nlink > 1:
        raise _refused(path, "one of several names of a file", "a file of its own; let the build copy, not link")
    if owner is not None and status.st_uid != owner:
        raise _refused(path, f"a file of the user {status.st_uid}", f"the build's own (user {owner})")


def _require_room(path: str, size: int, count: int, total: int) -> None:
    if count > FILES:
        raise _refused("output", f"of more than {FILES:,} files", f"of at most {FILES:,}")
    if size > FILE_BYTES:
        raise _refused(path, f"{size:,} bytes long", f"at most {FILE_BYTES:,} bytes long")
    if total > TOTAL_BYTES:
        raise _refused("output", f"of more than {TOTAL_BYTES:,} bytes", f"of at most {TOTAL_BYTES:,}")


def _require_name(path: str) -> None:
    """First of all, since every other refusal names the file as it is."""
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        raise _refused(repr(path), "no UTF-8", "a name in UTF-8") from None
    if length > _NAME_BYTES or any(ord(letter) < 32 for letter in path):
        raise _refused(repr(path[:200]), "too long or with control characters", f"at most {_NAME_BYTES} bytes of text")


def _refused(path: str, is_a: str, accepts: str) -> SiteBuildError:
    return SiteBuildError(f"In the build's output, {path} is {is_a}, but must be {accepts}; correct the build.")

"""A lock between processes that a killed holder cannot leave behind."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.screen import say


@contextmanager
def only_one(path: Path, waiting: str) -> Iterator[int]:
    """Hold the lock on this file while the block runs; say `waiting` once when somebody else has it.

    Gives the lock's file descriptor: a child that inherits it holds the lock as well, until it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()

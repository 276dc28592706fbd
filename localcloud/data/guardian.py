"""The data plane's parent: whatever happens to the data plane, nothing that it started outlives it.

It makes itself the reaper of orphans (prctl(2), PR_SET_CHILD_SUBREAPER), so that even a sandbox's double-forked
daemon becomes its child when the data plane is killed, and kills all that is left.
Run as `python -m localcloud.data.guardian PORT`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from localcloud.store import LOCAL_DIR_VARIABLE

PID_FILE = "data-plane.json"
"""Holds the data plane's `pid` and `port` while it runs, in the folder of the state."""

_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run the data plane until it ends; its exit code, or 1 when a signal ended it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    plane = subprocess.Popen([sys.executable, "-m", "localcloud.data.server", *arguments])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _tell(plane.pid))
    code = _reap_until(plane.pid)
    _kill_descendants()
    _forget(plane.pid)
    return code if code >= 0 else 1


def _tell(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _reap_until(pid: int) -> int:
    """Collect every child that ends, the data plane's orphans too, until the data plane itself does."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _kill_descendants() -> None:
    while left := psutil.Process().children(recursive=True):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            os.wait()


def _forget(pid: int) -> None:
    """Remove the pid file when a killed data plane has left it behind."""
    path = Path(os.environ[LOCAL_DIR_VARIABLE]) / PID_FILE
    with contextlib.suppress(OSError, ValueError):
        if json.loads(path.read_text())["pid"] == pid:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

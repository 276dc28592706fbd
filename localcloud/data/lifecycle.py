"""Start and stop of the data plane, whatever an earlier run has left behind."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from .guardian import PID_FILE

DEFAULT_PORT = 8787
LOG_FILE = "data-plane.log"
HEALTH_HOST = "data-plane.isthmus.local"
"""A Host header with this name asks the data plane about itself."""

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_HALF_DEAD_SECONDS = 2.0
_PROBE_SECONDS = 3.0


class LifecycleError(Exception):
    """The data plane cannot be started or stopped; the message is one sentence with the remedy."""


@dataclass(frozen=True)
class Running:
    """A data plane that the pid file names and whose process exists."""

    pid: int
    port: int
    answers: bool


def find(root: Path) -> Running | None:
    """The data plane of a folder, or None; a stale pid file counts as none."""
    try:
        told = json.loads((root / PID_FILE).read_text())
        process = psutil.Process(told["pid"])
        if "localcloud.data.server" not in process.cmdline():
            return None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return Running(told["pid"], told["port"], _answers(told["port"], root))


def start(root: Path, port: int) -> str:
    """Start the data plane in the background and return what to tell; raises LifecycleError."""
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root):
        running = find(root)
        if running and running.answers and running.port == port:
            return f"The local data plane already runs on port {port}."
        if running and running.answers:
            told = f"The local data plane already runs on port {running.port}; stop it first to use port {port}."
            raise LifecycleError(told)
        if running:
            _end(running.pid, patience=_HALF_DEAD_SECONDS)
        _require_free(port)
        return _launch(root, port)


def stop(root: Path) -> str:
    """End the data plane and everything that it started; returns what to tell."""
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root):
        running = find(root)
        if running is None:
            (root / PID_FILE).unlink(missing_ok=True)
            return "No local data plane is running."
        _end(running.pid)
        (root / PID_FILE).unlink(missing_ok=True)
        return "The local data plane has stopped."


def _launch(root: Path, port: int) -> str:
    log_path = root / LOG_FILE
    with log_path.open("ab") as log:
        written = log.tell()
        guardian = subprocess.Popen(
            [sys.executable, "-m", "localcloud.data.guardian", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_environment(root),
        )
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if _answers(port, root):
            return f"The local data plane runs on port {port}."
        if guardian.poll() is not None:
            break
        time.sleep(0.05)
    guardian.terminate()
    with log_path.open("rb") as log:
        log.seek(written)
        last = log.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise LifecycleError(f"The local data plane did not start ({last or 'it said nothing'}); see {log_path}.")


def _environment(root: Path) -> dict[str, str]:
    project = str(Path(__file__).parents[2])
    path = os.pathsep.join(part for part in (project, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "ISTHMUS_LOCAL_DIR": str(root.resolve()), "PYTHONPATH": path}


def _end(pid: int, patience: float = _STOP_SECONDS) -> None:
    """Ask the data plane to stop, kill it when it does not, and wait for its guardian to clean up."""
    with contextlib.suppress(psutil.NoSuchProcess):
        plane = psutil.Process(pid)
        guardian = plane.parent()
        plane.send_signal(signal.SIGTERM)
        try:
            plane.wait(patience)
        except psutil.TimeoutExpired:
            plane.kill()
        if guardian is not None and "localcloud.data.guardian" in guardian.cmdline():
            _wait_gone(guardian)


def _wait_gone(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        process.wait(_STOP_SECONDS)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            told = f"Port {port} cannot be used ({why}); free it or choose another one with PORT=<number>."
            raise LifecycleError(told) from error


def _answers(port: int, root: Path) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": HEALTH_HOST})
        told = json.loads(connection.getresponse().read())
        return isinstance(told, dict) and told.get("root") == str(root.resolve())
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One start or stop at a time in a folder."""
    with (root / "data-plane.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

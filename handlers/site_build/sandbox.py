"""Runs a project's own programs, which nobody can trust: without the function's keys, and never longer than the build.

What holds a build: an environment made of nothing but an allow-list; a user of its own where the function is root,
without groups, capabilities or a way to more rights; a parent whose memory and environment are closed to it; limits
on time, output and processes; and the end of every process that it started, also of those that went into the
background, before anybody reads what it wrote. What does not: it has the network, and where the function is not root
it has the function's user.
"""

from __future__ import annotations

import os
import random
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from handlers.site_build.log import Log
from handlers.site_build.problem import SiteBuildError

_PASSED_ON = (
    *("PATH", "TZ", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "npm_config_registry"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
_UIDS = (61_184, 65_519)
"""The range that systemd keeps for users that exist for the life of one service."""
_LOG_BYTES = 512 * 1024
_OUTPUT_BYTES = 256 * 1024 * 1024
_FILE_BYTES = 2 * 1024 * 1024 * 1024
_PROCESSES = 2048
_TAIL = 15
_END_S = 15.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 4, 36, 38
_LIMITED = f"ulimit -c 0; ulimit -f {_FILE_BYTES // 512}; "
_ALONE = f"if (ulimit -u {_PROCESSES}) 2>/dev/null; then ulimit -u {_PROCESSES}; else ulimit -p {_PROCESSES}; fi; "
"""For a user of its own only, since the limit counts all of a user's processes; bash and dash name it differently."""


def protect() -> None:
    """Close this process's memory and environment to others of the same user, and inherit orphaned descendants."""
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def own_uid() -> int | None:
    """A user that runs nothing else on this machine; None where this process may not change its user."""
    if os.geteuid() != 0:
        return None
    taken = {_uid_of(pid) for pid in _pids()}
    return random.SystemRandom().choice([uid for uid in range(*_UIDS) if uid not in taken])


class Sandbox:
    """Runs programs one after the other, all of them below the folder `home`."""

    def __init__(self, home: Path, uid: int | None, log: Log) -> None:
        self._home = home
        self._uid = uid
        self._log = log
        self._logged = 0

    def run(self, name: str, command: Sequence[str], folder: Path, env: Mapping[str, str], deadline: float) -> None:
        """Run one program until `deadline` (of `time.monotonic`), with `env` on top of the allow-list.

        Raises SiteBuildError when it fails, does not end, or leaves processes that cannot be ended.
        """
        self._log.say(f"{name}: {' '.join(command)}")
        before = set(_descendants())
        process = self._start(command, folder, env)
        reader = _Reader(process, self._write)
        try:
            timed_out = not reader.until_end(deadline)
        finally:
            self._end_all(process, before)
            reader.close()
        if reader.size > _OUTPUT_BYTES:
            raise SiteBuildError(f"The {name} wrote more than {_OUTPUT_BYTES:,} bytes of output; make it say less.")
        if timed_out:
            raise SiteBuildError(
                f"The {name} did not end in its time and was stopped; let it end by itself (no watch mode, no server), "
                f"or raise the function's timeout. Its last lines: {reader.last_lines()}"
            )
        if process.returncode:
            raise SiteBuildError(
                f"The {name} failed with exit code {process.returncode}; correct the project and upload it again. "
                f"Its last lines: {reader.last_lines()}"
            )

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        passed = {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
        # A proxy's address may hold a password, and whoever builds could read it.
        passed = {name: value for name, value in passed.items() if "_proxy" not in name.lower() or "@" not in value}
        return {
            **passed,
            **env,
            "HOME": str(self._home),
            "TMPDIR": str(self._home / "tmp"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "npm_config_cache": str(self._home / "npm"),
            "npm_config_update_notifier": "false",
            "npm_config_store_dir": str(self._home / "pnpm"),
        }

    def _start(self, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        started: list[subprocess.Popen[bytes] | OSError] = []

        script = f'{_LIMITED}{"" if self._uid is None else _ALONE}exec "$@"'

        def start() -> None:
            try:
                _prctl(_PR_SET_NO_NEW_PRIVS, 1)  # holds for this thread and for what it starts
                started.append(
                    subprocess.Popen(
                        ["/bin/sh", "-c", script, "sh", *command],
                        cwd=folder,
                        env=self._environment(env),
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        user=self._uid,
                        group=self._uid,
                        extra_groups=None if self._uid is None else [],
                        umask=0o022,
                    )
                )
            except OSError as error:
                started.append(error)

        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        if not started or isinstance(started[0], OSError):
            raise SiteBuildError(f"{command[0]} could not be started ({started}); check the function's image and PATH.")
        return started[0]

    def _write(self, line: str) -> None:
        if self._logged > _LOG_BYTES:
            return
        self._logged += len(line) + 1
        self._log.write("build", line)
        if self._logged > _LOG_BYTES:
            self._log.say(f"the build has said {_LOG_BYTES:,} bytes: what follows is left out of this log")

    def _end_all(self, process: subprocess.Popen[bytes], before: set[int]) -> None:
        """Kill the program and all that it started, whatever session or parent they have taken."""
        until = time.monotonic() + _END_S
        pause = 0.0
        process.poll()
        while found := self._left(before):
            for pid in found:
                _kill(pid)
            if process.pid in found:
                process.wait(_END_S)
            for pid in found - {process.pid}:
                _reap(pid)
            if time.monotonic() > until:
                raise SiteBuildError(
                    f"{len(found)} processes of the build could not be ended, so nothing that it wrote is used; "
                    "send the event again.",
                    worth_retry=True,
                )
            time.sleep(pause)
            pause = 0.01
        process.wait()

    def _left(self, before: set[int]) -> set[int]:
        found = set(_descendants()) - before
        if self._uid is not None:
            found |= {pid for pid in _pids() if _uid_of(pid) == self._uid}
        return found


class _Reader:
    """Takes a program's output line by line."""

    def __init__(self, process: subprocess.Popen[bytes], write: Callable[[str], None]) -> None:
        self._process = process
        self._write = write
        assert process.stdout is not None
        self._pipe = process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._rest = b""
        self._lines: list[str] = []
        self.size = 0

    def until_end(self, deadline: float) -> bool:
        """Whether the program has ended by itself; also True when it has said too much."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            while self._process.poll() is None:
                if time.monotonic() > deadline:
                    return False
                if selector.get_map() and not self._read_ready(selector):
                    selector.unregister(self._pipe)  # closed, though the program goes on
                    continue
                if not selector.get_map():
                    time.sleep(0.05)
                if self.size > _OUTPUT_BYTES:
                    return True
        return True

    def _read_ready(self, selector: selectors.BaseSelector) -> bool:
        """False at the end of the output."""
        return not selector.select(0.1) or self._read() != b""

    def _read(self) -> bytes | None:
        """What is there, empty at the end; None where nothing is there yet."""
        try:
            data = os.read(self._pipe.fileno(), 65536)
        except BlockingIOError:
            return None
        self._take(data)
        return data

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > 65536:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._tell(line)

    def _tell(self, line: bytes) -> None:
        text = _CONTROL.sub("", line.decode(errors="replace")).rstrip()
        if text:
            self._lines = [*self._lines[-_TAIL:], text[:300]]
            self._write(text)

    def close(self) -> None:
        """Take what is still in the pipe; all who could write there have ended."""
        if not self._pipe.closed:
            while self._read() and self.size <= _OUTPUT_BYTES:
                pass
            self._tell(self._rest)
            self._rest = b""
            self._pipe.close()

    def last_lines(self) -> str:
        return " / ".join(self._lines[-_TAIL:]) or "none"


def _prctl(option: int, value: int) -> None:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}, {value}): {os.strerror(code)}")


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for pid in _pids():
        try:
            text = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            continue
        # The name in brackets may hold anything, brackets and spaces too.
        children.setdefault(int(text.rpartition(b")")[2].split()[1]), []).append(pid)
    found = list(children.get(os.getpid(), []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _uid_of(pid: int) -> int | None:
    """The real one: the owner of the folder in /proc is root for a process that has closed its memory."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return None
    return int(status.partition("\nUid:")[2].split(maxsplit=1)[0])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not ours: a parent that was killed with it had it, and it comes to us in the next round

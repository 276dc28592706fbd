"""Chromium's DevTools protocol over two pipes.

Needs no package and no port, and Chromium ends when the pipes close, also when we are killed. Each message is JSON
with a zero byte after it. Source: Chrome DevTools Protocol; Chromium's switch `--remote-debugging-pipe`, which reads
from file descriptor 3 and writes to 4.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ANSWER_SECONDS = 60.0
_END_SECONDS = 10.0
_READ_BYTES = 1 << 16
_SHOWN_LINES = 5
_FIRST_FREE = 10
"""Above 3 and 4, so that the child's ends are not where the launcher puts them."""

_LAUNCHER = """
import os, sys
for number, descriptor in enumerate(map(int, sys.argv[1:3]), 3):
    os.dup2(descriptor, number)
    os.close(descriptor)
os.execv(sys.argv[3], sys.argv[3:])
"""


class BrowserError(Exception):
    """Chromium did not start, ended, refused a call, or did not show what it should; one sentence and its evidence."""


class DevTools:
    """A Chromium process and the conversation with it."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._received = b""
        self._last_id = 0
        self.events: list[dict[str, Any]] = []
        """What Chromium has told without being asked, oldest first; the reader takes out what it has read."""
        ours, theirs = _pipes()
        try:
            self._process = _start(command, environment, log, theirs)
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        self._read, self._write = ours

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """The result of a method; raises BrowserError."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        self._send({**message, "sessionId": session} if session else message)
        deadline = time.monotonic() + _ANSWER_SECONDS
        while (answer := self._next(deadline)) is not None:
            if answer.get("id") != self._last_id:
                self.events.append(answer)
            elif "error" in answer:
                raise BrowserError(f"Chromium refuses {method}: {answer['error'].get('message')}")
            else:
                return answer["result"]
        raise BrowserError(f"Chromium has not answered {method} for {_ANSWER_SECONDS:.0f} s.{self._last_words()}")

    def listen(self, seconds: float) -> None:
        """Collect events for so long."""
        deadline = time.monotonic() + seconds
        while (event := self._next(deadline)) is not None:
            self.events.append(event)

    def close(self) -> None:
        """Ask Chromium to end, and see that it does."""
        with contextlib.suppress(BrowserError):
            self.call("Browser.close")
        _close((self._read, self._write))
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
                break
            os.killpg(self._process.pid, number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self._write, data) :]
        except BrokenPipeError as error:
            raise BrowserError(f"Chromium has ended.{self._last_words()}") from error

    def _next(self, deadline: float) -> dict[str, Any] | None:
        """The next message, or None when there is none until the deadline."""
        while b"\0" not in self._received:
            readable, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                return None
            piece = os.read(self._read, _READ_BYTES)
            if not piece:
                raise BrowserError(f"Chromium has ended.{self._last_words()}")
            self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:]
        return "".join(f"\n    {line}" for line in lines)


def _start(
    command: Sequence[str | Path], environment: Mapping[str, str], log: Path, pipes: tuple[int, int]
) -> subprocess.Popen[bytes]:
    with log.open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _LAUNCHER, *map(str, pipes), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=pipes,
            process_group=0,
        )


def _pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """Our ends and the child's ends, (read, write) each."""
    child_reads, we_write = os.pipe()
    we_read, child_writes = os.pipe()
    theirs = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in (child_reads, child_writes))
    _close((child_reads, child_writes))
    return (we_read, we_write), (theirs[0], theirs[1])


def _close(descriptors: tuple[int, int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)

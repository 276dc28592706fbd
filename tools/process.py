"""Other programs, run in one of four ways: in the user's view, line by line, for their output, or as a quiet
step of set-up.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.problem import Problem

Command = Sequence[str | Path]

_SHOWN_LINES = 12
_GRACE_SECONDS = 10.0


def run(command: Command, cwd: Path, environment: Mapping[str, str]) -> int:
    """Run in the foreground, on the user's terminal, and return the exit code.

    Ctrl-C reaches the child by the terminal itself, so it is not sent twice (a second one makes Pulumi drop
    what it is doing); we wait until the child has ended in order, then raise KeyboardInterrupt. SIGTERM, which
    reaches only us, is passed on once.
    """
    received: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def note(number: int, _: object) -> None:
        if number == signal.SIGTERM and not received:
            for process in started:
                process.send_signal(number)
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with subprocess.Popen(command, cwd=cwd, env=environment) as process:
            started.append(process)
            if signal.SIGTERM in received:  # it came while the child was being started
                process.send_signal(signal.SIGTERM)
            code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt
    return code


def stream(command: Command, cwd: Path, environment: Mapping[str, str], on_line: Callable[[str], None]) -> int:
    """Run in the foreground, hand on each line of its output as it comes, and return the exit code."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout
        for line in process.stdout:
            on_line(line.rstrip("\n"))
    return process.returncode


def capture(command: Command, cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run to the end and return exit code, stdout and stderr; a command that cannot be started is exit code 127."""
    try:
        return subprocess.run(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as problem:
        return subprocess.CompletedProcess(command, 127, "", str(problem))


class QuietSteps:
    """Runs programs of set-up: their output goes to a file and, line by line, to whoever shows progress.

    Each is in a process group of its own, so that `stop` ends it with all that it started, whatever stopped us.
    Each holds the lock that we hold: when we are killed, the next make waits for those that we leave behind.
    """

    def __init__(self, logs: Path, lock: int | None = None) -> None:
        self._logs = logs
        self._inherited = () if lock is None else (lock,)
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.RLock()  # a signal handler may come upon itself
        self._stopped = False

    def run(
        self,
        name: str,
        command: Command,
        environment: Mapping[str, str],
        cwd: Path | None = None,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Run to the end; raises Problem with the last lines when the exit code is not 0."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log, last = self._logs / f"{name}.log", deque[str](maxlen=_SHOWN_LINES)
        with log.open("w") as file, self._start(command, environment, cwd) as process:
            assert process.stdout
            for line in process.stdout:
                file.write(line)
                file.flush()
                last.append(line)
                on_line(line.rstrip())
            code = process.wait()
        with self._lock:
            self._running.discard(process)
        if code:
            tail = "".join(f"    {line}" for line in last).rstrip()
            raise Problem(f"{name} ended with exit code {code}; the whole output is in {log}. It ended with:\n{tail}")

    def _start(self, command: Command, environment: Mapping[str, str], cwd: Path | None) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise KeyboardInterrupt
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                process_group=0,
                pass_fds=self._inherited,
            )
            self._running.add(process)
            return process

    def stop(self) -> None:
        """End what runs and refuse to start more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end_group(process)


def _end_group(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
        return

"""Lambda Managed Instances: one environment serves several invocations at once, each in a process of its own.

Processes, as in AWS's own Python runtime, so that a handler stays what it was: alone in its interpreter. Each imports
the handler itself, after the fork, because connections and locks do not survive one. A worker that dies is replaced;
AWS's runtime would go on with one less (Lambda Developer Guide, "Lambda Managed Instances: Python runtime").
"""

from __future__ import annotations

import _signal  # pyright: ignore[reportMissingImports] - `signal` itself imports enum and re
import os
import sys
from time import monotonic, sleep

from runtime import logs
from runtime.lambda_api import API_LOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LOG_SOCKET = "_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET"
_ENDS = (_signal.SIGTERM, _signal.SIGINT)
_SHORT_LIFE = 1.0
_LONGEST_PAUSE = 5.0


def supervise(count: int, serve: Callable[[Callable[[], None]], int]) -> int:
    """Keep `count` processes that run `serve`; the exit status once none may go on.

    `serve` calls what it is given before its first invocation. While none ever got that far, a worker that ends means
    that the initialisation failed, which it has told the cloud itself; then all end.
    """
    supervisor = _Supervisor(serve)
    for number in _ENDS:
        _signal.signal(number, supervisor.pass_on)
    for _ in range(count):
        supervisor.start()
    return supervisor.wait()


class _Supervisor:
    def __init__(self, serve: Callable[[Callable[[], None]], int]) -> None:
        self._serve = serve
        self._born: dict[int, float] = {}
        self._ready, self._told = os.pipe()
        os.set_blocking(self._ready, False)
        self._anyone_ready = False
        self._stopping = False
        self._failed = False
        self._pause = 0.0

    def start(self) -> None:
        """Fork one worker, unless all have been told to end. The flow of the child ends here."""
        # Held back until the newcomer is known, and has put our handlers off: a signal would pass it by.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _ENDS)
        pid = None if self._stopping else os.fork()
        if pid:
            self._born[pid] = monotonic()
        elif pid == 0:
            for number in _ENDS:
                _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _ENDS)
        if pid == 0:
            _separate_output()
            os._exit(self._serve(self._tell))

    def wait(self) -> int:
        """Replace what dies, until nothing is left to replace; the exit status."""
        while self._born:
            pid, status = os.waitpid(-1, 0)
            born = self._born.pop(pid, None)
            if born is None:
                continue  # a grandchild that was left to us
            code = os.waitstatus_to_exitcode(status)
            if self._stopping or self._failed:
                continue
            if code == API_LOST or not self._has_served():
                self._end_all()
            else:
                logs.error(f"a worker ended with {_told(code)}; another one takes its place")
                self._breathe(monotonic() - born)
                self.start()
        return 0 if self._stopping else 1

    def pass_on(self, number: int, _frame: object) -> None:
        """SIGTERM ends the workers by their own hooks."""
        self._stopping = True
        for pid in self._born:
            _kill(pid, number)

    def _tell(self) -> None:
        os.write(self._told, b"!")

    def _has_served(self) -> bool:
        try:
            os.read(self._ready, 4096)
        except BlockingIOError:
            return self._anyone_ready
        self._anyone_ready = True
        return True

    def _breathe(self, lived: float) -> None:
        """A worker that dies at once, again and again, must not take the whole processor."""
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or 0.1) if lived < _SHORT_LIFE else 0.0
        sleep(self._pause)

    def _end_all(self) -> None:
        self._failed = True
        for pid in self._born:
            _kill(pid, _signal.SIGTERM)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _told(code: int) -> str:
    return f"status {code}" if code >= 0 else f"signal {-code}"


def _separate_output() -> None:
    """Give this worker streams of its own where Lambda offers them, so that lines of two never mix."""
    path = os.environ.get(_LOG_SOCKET)
    if not path:
        return
    import _socket

    for stream in (sys.stdout, sys.stderr):
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        sock.connect(path)
        os.dup2(sock.fileno(), stream.fileno())
        sock.close()

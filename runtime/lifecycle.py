"""What a process owes as PID 1, and what signals mean."""

from __future__ import annotations

import _signal  # pyright: ignore[reportMissingImports] - `signal` itself imports enum and re
import os

_STOP = b"!"
_STOPS = (_signal.SIGTERM, _signal.SIGINT)
_FORWARDED = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2)


def become_child_of_init() -> None:
    """As PID 1, fork: the child returns and is the server, this process stays behind as init.

    FC starts the function as PID 1 (Function Compute, "FAQ about custom runtimes"). Orphans of processes that a
    handler starts are then its to reap; reaping them inside the server would take away the exit statuses for which
    the handler's own `subprocess` calls wait, so an init of its own does it.
    """
    server = os.fork()
    if server == 0:
        return
    for number in _FORWARDED:
        _signal.signal(number, lambda number, _frame: _forward(server, number))
    os._exit(_reap_until(server))


class StopSignal:
    """SIGTERM or SIGINT, for a main thread that waits."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        for number in _STOPS:
            # A handler of ours interrupts no system call for good; a byte in a pipe does.
            _signal.signal(number, lambda _number, _frame: os.write(self._writer, _STOP))
        keep_from_children(_STOPS)

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`, or until woken; whether a signal has come."""
        from select import select

        return bool(select((self._reader,), (), (), seconds)[0]) and _STOP in os.read(self._reader, 64)

    def wake(self) -> None:
        """End a wait before its time."""
        os.write(self._writer, b".")


def keep_from_children(numbers: tuple[int, ...]) -> None:
    """Have these signals end a child that a handler forks: by the pipe they share, it would end its parent, too."""

    def hold() -> None:
        # Until the child has forgotten the pipe, none may come.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, numbers)

    def take() -> None:
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, numbers)

    def forget() -> None:
        _signal.set_wakeup_fd(-1)
        for number in numbers:
            _signal.signal(number, _signal.SIG_DFL)
        take()

    os.register_at_fork(before=hold, after_in_parent=take, after_in_child=forget)


def _forward(server: int, number: int) -> None:
    try:
        os.kill(server, number)
    except ProcessLookupError:
        return


def _reap_until(server: int) -> int:
    """Reap every child; the exit status of the server, 128 and the signal's number when one ended it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == server:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code

"""One running process of a function, with everything that it started: output, memory limit and end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

MEGABYTE = 1 << 20

_POLL_SECONDS = 0.1
_MAX_LINE_BYTES = 256 * 1024
"""CloudWatch Logs quotas: an event is at most 256 KB; a longer line is cut into several."""


class Sandbox:
    """A process group of its own; stdout and stderr are handed over line by line as they come.

    Memory is measured as the resident set of the process and all its descendants, polled while `measuring`,
    because a limit that needs cgroups would need root. What passes the limit is killed.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, output: int, memory_mb: int, listener: Callable[[str], None]
    ) -> None:
        self._process = process
        self._output = output
        self._limit = memory_mb * MEGABYTE
        self._partial = b""
        self._members: dict[int, psutil.Process] = {}
        self._listener = listener
        self.used_bytes = 0
        """The highest resident set seen so far."""
        self.out_of_memory = False
        self.exited = asyncio.ensure_future(self._wait())
        """Done when the process is gone; its result is the return code, negative for a signal."""
        asyncio.get_running_loop().add_reader(output, self._read)

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        memory_mb: int,
        listener: Callable[[str], None],
    ) -> Sandbox:
        """Run `command` in `folder` with exactly `environment`; raises OSError as the kernel's exec does."""
        output, inherited = os.pipe()
        os.set_blocking(output, False)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=inherited,
                stderr=inherited,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(inherited)
        return cls(process, output, memory_mb, listener)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def used_mb(self) -> int:
        return max(1, -(-self.used_bytes // MEGABYTE))

    def measure(self, parents: Mapping[int, int] | None = None) -> None:
        """Take the memory of the group now, and kill it when it is over the limit."""
        self._remember(parents or parent_ids())
        used = sum(_resident(member) for member in self._members.values())
        self.used_bytes = max(self.used_bytes, used)
        if used > self._limit and self.alive:
            self.out_of_memory = True
            self._signal_all()

    def drain(self, *, flush: bool = False) -> None:
        """Hand over every line that the function has written up to now; `flush` also ends an unfinished line."""
        self._read()
        if flush:
            self._end_line()

    async def stop(self, seconds: float) -> None:
        """Send the process SIGTERM, wait up to `seconds` for its end, then end it and all that it started."""
        if not self.exited.done():
            self._process.terminate()
            await asyncio.wait({self.exited}, timeout=seconds)
        await self.kill()

    async def kill(self) -> None:
        """End the process and all that it started, at once."""
        # Once it is reaped its id may belong to another program, so that nothing must be signalled any more.
        if not self.exited.done():
            self._remember(parent_ids())
            self._signal_all()
        await asyncio.shield(self.exited)

    def _remember(self, parents: Mapping[int, int]) -> None:
        """Keep hold of every descendant: one that loses its parent or leaves the group is still found."""
        known = {self.pid, *self._members}
        grown = True
        while grown:
            found = {pid for pid, parent in parents.items() if parent in known} - known
            known |= found
            grown = bool(found)
        for pid in known - self._members.keys():
            with contextlib.suppress(psutil.NoSuchProcess):
                self._members[pid] = psutil.Process(pid)

    def _signal_all(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for member in self._members.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()

    async def _wait(self) -> int:
        code = await self._process.wait()
        self._remember(parent_ids())
        self._signal_all()
        self.drain(flush=True)
        self._close_output()
        return code

    def _read(self) -> None:
        while self._output >= 0:
            try:
                data = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                self._end_line()
                self._close_output()
                return
            *lines, self._partial = (self._partial + data).split(b"\n")
            self._emit(lines)
            self._cut_long()

    def _end_line(self) -> None:
        if self._partial:
            self._emit([self._partial])
            self._partial = b""

    def _cut_long(self) -> None:
        while len(self._partial) > _MAX_LINE_BYTES:
            self._emit([self._partial[:_MAX_LINE_BYTES]])
            self._partial = self._partial[_MAX_LINE_BYTES:]

    def _emit(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._listener(line.decode("utf-8", "replace"))

    def _close_output(self) -> None:
        if self._output < 0:
            return
        asyncio.get_running_loop().remove_reader(self._output)
        os.close(self._output)
        self._output = -1


class MemoryWatch:
    """Measures the sandboxes that are at work, all of them from one reading of the process table."""

    def __init__(self) -> None:
        self._busy: dict[Sandbox, int] = {}
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def over(self, sandbox: Sandbox) -> Iterator[None]:
        """Measure the sandbox while the block runs, and once at its end."""
        self._busy[sandbox] = self._busy.get(sandbox, 0) + 1
        if self._task is None:
            self._task = asyncio.ensure_future(self._poll())
        try:
            yield
        finally:
            self._busy[sandbox] -= 1
            if not self._busy[sandbox]:
                del self._busy[sandbox]
            if sandbox.alive:
                sandbox.measure()

    async def _poll(self) -> None:
        while self._busy:
            parents = parent_ids()
            for sandbox in list(self._busy):
                sandbox.measure(parents)
            await asyncio.sleep(_POLL_SECONDS)
        self._task = None


def parent_ids() -> dict[int, int]:
    """Process id to parent id for every process of the machine, from /proc (proc(5), `stat`)."""
    parents = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - plain names, several times a second
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as source:  # noqa: PTH123
                # The second field is the command in brackets and may itself hold brackets and blanks.
                parents[int(name)] = int(source.read().rpartition(b")")[2].split()[1])
    return parents


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0

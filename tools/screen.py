"""What the user sees of the tools themselves: notes and progress on stderr, results on stdout."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, field

_LIVE_SECONDS = 0.2
_PLAIN_SECONDS = 15.0
_WIDTH = 100


def say(text: str) -> None:
    """Print a note."""
    print(text, file=sys.stderr, flush=True)


def is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, code: str) -> str:
    """Colour a word for a terminal (`code`: ANSI SGR number); plain elsewhere and with NO_COLOR."""
    return f"\x1b[{code}m{text}\x1b[0m" if is_terminal() and not os.environ.get("NO_COLOR") else text


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


@dataclass
class Step:
    """One piece of work that takes a while. Its action may set `detail` at any time."""

    name: str
    action: Callable[[Step], None]
    detail: str = ""
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        told = f", {self.detail}" if self.detail else ""
        return f"{self.name}: {duration(time.monotonic() - self.started)}{told}"


def run_steps(steps: Sequence[Step], stop: Callable[[], None]) -> None:
    """Run all steps side by side and show that they are alive.

    The first failure, or Ctrl-C, calls `stop`, which must make the others end, and is then raised.
    """
    live = is_terminal()
    with futures.ThreadPoolExecutor(max_workers=max(1, len(steps))) as pool:
        running = {pool.submit(step.action, step): step for step in steps}
        waiting = set(running)
        try:
            while waiting:
                seconds = _LIVE_SECONDS if live else _PLAIN_SECONDS
                done, waiting = futures.wait(waiting, seconds, return_when=futures.FIRST_COMPLETED)
                for future in done:
                    future.result()
                    _show(paint("✓", "32") + f" {running[future]}" if live else f"done: {running[future]}", live=False)
                if waiting:
                    _show(" · ".join(str(running[future]) for future in waiting), live=live)
        except BaseException:
            stop()
            raise


def _show(text: str, *, live: bool) -> None:
    clear = "\r\x1b[K" if is_terminal() else ""
    sys.stderr.write(f"{clear}  {text[:_WIDTH]}" if live else f"{clear}  {text}\n")
    sys.stderr.flush()

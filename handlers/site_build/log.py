"""Progress in the function's log, line by line as it comes, and the seconds of each phase."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LINE = 1000
"""Characters kept of one line."""


class Log:
    """Writes to stdout, which both clouds keep as the function's log."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        """One line about the job itself."""
        self.write("site_build", text)

    def report(self, report: dict[str, Any]) -> None:
        """The whole report as JSON in one line, however long: nobody gets the result of a trigger's event."""
        print(f"site_build | report {json.dumps(report)}", flush=True)

    def write(self, source: str, text: str) -> None:
        """One line, marked with who says it, so that a build's output is never taken for the platform's own lines."""
        text = " / ".join(text.splitlines())
        shown = text if len(text) <= _LINE else f"{text[:_LINE]}… ({len(text) - _LINE} more characters)"
        print(f"{source} | {shown}", flush=True)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside, in seconds."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - start, 3)

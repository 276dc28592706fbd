"""One publisher at a time, by means of objects that may be written once only.

A lease is the object `lease/N` of the highest number N. Whoever wants to publish creates the next number, which the
store grants to one alone; the holder of a number that is neither released nor past its time is waited for. Its time is
the end of the holder's invocation: after that the cloud has ended it, so that nobody can still write under it.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from handlers.site_build.problem import SiteBuildError
from handlers.site_build.store import Store

_MARGIN_S = 30.0
_POLL_S = 1.0
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


@dataclass
class Lease:
    """The right to change the site below `folder`; `deadline` is that of this invocation, of `time.monotonic`."""

    store: Store
    folder: str
    deadline: float
    number: int = 0
    owner: str = ""

    def acquire(self) -> None:
        """Wait for it; raises SiteBuildError when another publisher keeps it until the deadline."""
        self.owner = uuid.uuid4().hex
        while True:
            highest = self._highest()
            held = self._read(highest)
            if self._is_free(held) and self._take(highest + 1):
                self._tidy()
                return
            if time.monotonic() + _POLL_S > self.deadline:
                raise SiteBuildError(
                    "Another build is publishing this site and did not end in time; send the event again.",
                    worth_retry=True,
                )
            time.sleep(_POLL_S)

    def confirm(self) -> None:
        """Raise SiteBuildError when somebody else has the site by now."""
        if self._highest() != self.number:
            raise SiteBuildError(
                "Another build has taken over the site, since this one was slower than its time allows; "
                "raise the function's timeout and send the event again.",
                worth_retry=True,
            )

    def release(self) -> None:
        """Let the next one in; when that fails, the lease ends with its time."""
        with suppress(SiteBuildError):
            self.store.put(self._key(self.number), self._body(0), _JSON)

    def _take(self, number: int) -> bool:
        until = time.time() + max(0.0, self.deadline - time.monotonic()) + _MARGIN_S
        if self.store.put(self._key(number), self._body(until), _JSON, only_new=True) is None:
            # A put that nobody answered and that was sent again finds what it wrote itself.
            found = self._read(number)
            if found is None or found.get("owner") != self.owner:
                return False
        self.number = number
        return True

    def _tidy(self) -> None:
        for key in self.store.list(f"{self.folder}lease/"):
            if key < self._key(self.number):
                self.store.delete(key)

    def _highest(self) -> int:
        found = [key.rpartition("/")[2] for key in self.store.list(f"{self.folder}lease/")]
        return max((int(name) for name in found if name.isdecimal()), default=0)

    def _read(self, number: int) -> dict[str, Any] | None:
        body = self.store.get(self._key(number)) if number else None
        try:
            found = json.loads(body or b"null")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    @staticmethod
    def _is_free(held: dict[str, Any] | None) -> bool:
        until = held.get("until") if held is not None else 0
        return not isinstance(until, int | float) or until < time.time()

    def _body(self, until: float) -> bytes:
        return json.dumps({"owner": self.owner, "until": until}).encode()

    def _key(self, number: int) -> str:
        return f"{self.folder}lease/{number:012d}"

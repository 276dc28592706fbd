"""One publisher at a time, by means of objects that may be written once only.

A lease is the object `lease/N` of the highest number N. Whoever wants to publish creates the next number, which the
store grants to one alone; the holder of a number that is neither released nor past its time is waited for. The holder
renews its time while it works and stops by itself when it could not, some time before anybody else may begin.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from handlers.site_build.problem import SiteBuildError
from handlers.site_build.store import Store

_TIME_S, _RENEWAL_S = 45.0, 10.0
_MARGIN_S = 30.0
"""Between the end of a lease and the next one: for requests on their way, and clocks that differ."""
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
    _good_until: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)
    _renewer: threading.Thread | None = None

    def acquire(self) -> None:
        """Wait for it; raises SiteBuildError when another publisher keeps it until the deadline."""
        self.owner = uuid.uuid4().hex
        while True:
            highest = self._highest()
            held = self._read(highest)
            if self._is_free(held) and self._take(highest + 1):
                self._renewer = threading.Thread(target=self._renew, name="lease", daemon=True)
                self._renewer.start()
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
        self.require_time()
        if self._highest() != self.number:
            raise self._lost()

    def require_time(self) -> None:
        """Like `confirm`, without asking the store: before each single change."""
        if time.monotonic() > self._good_until:
            raise self._lost()

    def release(self) -> None:
        """Let the next one in; when that fails, the lease ends with its time."""
        self._done.set()
        if self._renewer is not None:
            self._renewer.join()
            with suppress(SiteBuildError):
                self.store.put(self._key(self.number), self._body(0), _JSON)

    def _take(self, number: int) -> bool:
        start = time.monotonic()
        if self.store.put(self._key(number), self._body(time.time() + _TIME_S), _JSON, only_new=True) is None:
            # A put that nobody answered and that was sent again finds what it wrote itself.
            found = self._read(number)
            if found is None or found.get("owner") != self.owner:
                return False
        self.number, self._good_until = number, start + _TIME_S
        return True

    def _renew(self) -> None:
        while not self._done.wait(_RENEWAL_S):
            start = time.monotonic()
            with suppress(SiteBuildError):
                self.store.put(self._key(self.number), self._body(time.time() + _TIME_S), _JSON)
                self._good_until = start + _TIME_S

    @staticmethod
    def _lost() -> SiteBuildError:
        return SiteBuildError(
            "The right to publish this site was lost, since the store did not renew it or another build has it; "
            "send the event again.",
            worth_retry=True,
        )

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
        return not isinstance(until, int | float) or until + _MARGIN_S < time.time()

    def _body(self, until: float) -> bytes:
        return json.dumps({"owner": self.owner, "until": until}).encode()

    def _key(self, number: int) -> str:
        return f"{self.folder}lease/{number:012d}"

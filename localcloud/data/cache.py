"""A small HTTP cache in memory, for both content delivery networks."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from multidict import CIMultiDict

from .messages import Response

Key = tuple[Any, ...]
"""Begins with the name of the domain or distribution."""

_MAX_ENTRIES = 4096
_MAX_BYTES = 256 << 20
_MAX_BODY_BYTES = 8 << 20


@dataclass
class Entry:
    status: int
    headers: CIMultiDict[str]
    body: bytes
    stored: float
    """Seconds of the monotonic clock."""
    ttl: float

    @property
    def age(self) -> int:
        return int(time.monotonic() - self.stored)

    def response(self) -> Response:
        return Response(self.status, CIMultiDict(self.headers), self.body)


class Cache:
    """Responses by key until their time to live is over; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def get(self, key: Key) -> Entry | None:
        entry = self._entries.get(key)
        return entry if entry and time.monotonic() - entry.stored < entry.ttl else None

    def put(self, key: Key, response: Response, ttl: float) -> None:
        """Keep a response whose body is complete."""
        if ttl <= 0 or response.stream is not None or len(response.body) > _MAX_BODY_BYTES:
            return
        entry = Entry(response.status, CIMultiDict(response.headers), response.body, time.monotonic(), ttl)
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > _MAX_ENTRIES or sum(len(kept.body) for kept in self._entries.values()) > _MAX_BYTES:
            self._entries.popitem(last=False)

    def drop(self, wanted: Callable[[Key], bool]) -> None:
        """Forget the responses with a key that is wanted gone."""
        for key in [key for key in self._entries if wanted(key)]:
            del self._entries[key]


def directives(headers: CIMultiDict[str]) -> dict[str, str]:
    """The directives of Cache-Control, lower-case, with their values."""
    found = re.findall(r"([a-z-]+)(?:\s*=\s*\"?([^\",\s]*))?", headers.get("Cache-Control", "").lower())
    return dict(found)


def origin_ttl(headers: CIMultiDict[str]) -> float | None:
    """Seconds that the origin asks for: s-maxage, max-age or Expires; None when it says nothing."""
    told = directives(headers)
    for name in ("s-maxage", "max-age"):
        if told.get(name, "").isdigit():
            return float(told[name])
    if "Expires" in headers:
        try:
            return max(0.0, parsedate_to_datetime(headers["Expires"]).timestamp() - time.time())
        except ValueError:
            return 0.0
    return None

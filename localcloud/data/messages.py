"""What the services hand to each other: one HTTP request and one HTTP response, free of any server library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from multidict import CIMultiDict

from localcloud.objects import Content

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to one connection (RFC 9110, section 7.6.1), never passed on."""


@dataclass
class Request:
    """One request as a service sees it, with the cloud's real host name."""

    method: str
    host: str
    """The name that was connected to, lower-case, without port."""
    path: str
    """Percent-encoded, starts with `/`."""
    query: str = ""
    """Percent-encoded, without `?`."""
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    body: bytes = b""
    client_ip: str = "127.0.0.1"
    role: str = ""
    """Name of the RAM role that a service of the same cloud acts with; never set from the outside."""
    sent_host: str = ""
    """The Host header as it came, which is what a client has signed."""
    upload: Content | None = None
    """The body of an upload to a bucket, in a file; `body` is empty then."""

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass
class Response:
    """One response: either `body`, or `stream` when the bytes are still being made."""

    status: int
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None

    async def read(self) -> bytes:
        """The whole body; a stream is consumed and kept."""
        if self.stream is not None:
            self.body = b"".join([chunk async for chunk in self.stream])
            self.stream = None
        return self.body


def json_response(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    response = Response(status, CIMultiDict({"Content-Type": "application/json"}), json.dumps(value).encode())
    response.headers.update(headers or {})
    return response


def without(headers: CIMultiDict[str], names: frozenset[str] = HOP_BY_HOP) -> CIMultiDict[str]:
    """A copy of the headers without the given lower-case names."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in names)

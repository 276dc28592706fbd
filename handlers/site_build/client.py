"""HTTP to the clouds' services: kept connections, timeouts, and retries of what may pass."""

from __future__ import annotations

import http.client
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from handlers.site_build.problem import SiteBuildError
from handlers.site_build.signers import Keys

ATTEMPTS = 5
_CONNECT_S, _SILENCE_S = 5.0, 15.0
_SLOWEST = 20_000
"""Bytes a second; what stays below for the whole of a request counts as stuck."""
_PATIENCE_S = 20.0
_ANSWER_LIMIT = 16 * 1024 * 1024
_CHUNK = 256 * 1024
_PASSING = {408, 429, 500, 502, 503, 504}
_EXPIRED = ("SecurityTokenExpired", "InvalidSecurityToken", "ExpiredToken", "TokenRefreshRequired")
_PASSING_CODES = ("<Code>RequestTimeout</Code>", "Throttling")

Sign = Callable[[Keys], Mapping[str, str]]


class Sink(Protocol):
    """Takes the body of a 2xx; a retried call begins anew."""

    def begin(self, status: int, headers: Mapping[str, str]) -> None: ...

    def write(self, chunk: bytes) -> None: ...


@dataclass(frozen=True)
class Endpoint:
    """Where a service answers."""

    scheme: str
    netloc: str

    @classmethod
    def of(cls, url: str, bucket: str = "") -> Endpoint:
        """Of an address such as `https://oss-cn-hongkong-internal.aliyuncs.com`, with the bucket put in front."""
        parts = urlsplit(url)
        return cls(parts.scheme, f"{bucket}.{parts.netloc}" if bucket else parts.netloc)

    def connection(self) -> http.client.HTTPConnection:
        """Not yet open. Names below `.localhost` mean this machine (RFC 6761), whatever the resolver says."""
        parts = urlsplit(f"//{self.netloc}")
        name = parts.hostname or ""
        host = "127.0.0.1" if name == "localhost" or name.endswith(".localhost") else name
        if self.scheme == "http":
            return http.client.HTTPConnection(host, parts.port or 80, timeout=_CONNECT_S)
        return http.client.HTTPSConnection(
            host, parts.port or 443, timeout=_CONNECT_S, context=ssl.create_default_context()
        )


@dataclass(frozen=True)
class Call:
    """One request: `target` is the encoded path with its query; `sign` gives all the headers, anew each attempt."""

    service: str
    """As a sentence names it, such as `OSS`."""
    endpoint: Endpoint
    method: str
    target: str
    sign: Sign
    body: bytes = b""
    subject: str = ""
    """What it is about, such as the object's name."""

    def __str__(self) -> str:
        return f"{self.method} {self.subject or self.target}"


@dataclass(frozen=True)
class Answer:
    """`headers` with names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    attempts: int = 1

    @property
    def code(self) -> str:
        """The error's name in a body of XML or JSON, else empty."""
        text = self.body[:4096].decode(errors="replace")
        for start, end in (("<Code>", "</Code>"), ('"Code":"', '"')):
            if start in text:
                return text.partition(start)[2].partition(end)[0][:80]
        return self.headers.get("x-oss-ec", "")

    @property
    def is_expired(self) -> bool:
        return self.status in {400, 401, 403} and self.code.startswith(_EXPIRED)

    @property
    def may_pass(self) -> bool:
        return self.status in _PASSING or any(code.encode() in self.body[:4096] for code in _PASSING_CODES)


@dataclass
class Client:
    """Sends calls until `deadline` (of `time.monotonic`), with the keys that `keys` gives each time it is asked."""

    keys: Callable[[], Keys]
    deadline: float
    _idle: dict[Endpoint, list[http.client.HTTPConnection]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, call: Call, sink: Sink | None = None) -> Answer:
        """The answer of any status below 500 but 408 and 429.

        With a `sink`, the body of a 2xx goes there. Raises SiteBuildError worth a retry when the service does not
        answer, and when the keys have expired.
        """
        last = "no answer"
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1:
                self._pause(attempt)
            keys = self.keys()
            try:
                answer = self._once(call, keys, sink, attempt)
            except (OSError, http.client.HTTPException) as error:
                last = f"{type(error).__name__}: {error}"
                continue
            if answer.is_expired:
                last = f"{answer.status} {answer.code}"
                if self.keys() == keys:
                    raise self._expired(call, last)
                continue
            if not answer.may_pass:
                return answer
            last = f"{answer.status} {answer.code}".strip()
        raise SiteBuildError(
            f"{call.service} did not answer {call} in {ATTEMPTS} attempts (last: {last}); what was published before "
            "stays as it is, and the event can be sent again.",
            worth_retry=True,
        )

    def _pause(self, attempt: int) -> None:
        pause = random.uniform(0.5, 1.0) * 0.2 * 2 ** (attempt - 1)  # noqa: S311 - no secret
        if time.monotonic() + pause > self.deadline:
            raise SiteBuildError(
                "The function's time is used up while waiting for the cloud's storage; raise the function's timeout.",
                worth_retry=True,
            )
        time.sleep(pause)

    def close(self) -> None:
        """Close the kept connections."""
        with self._lock:
            for idle in self._idle.values():
                for connection in idle:
                    connection.close()
            self._idle.clear()

    def _once(self, call: Call, keys: Keys, sink: Sink | None, attempt: int) -> Answer:
        kept = self._kept(call.endpoint)
        if kept is not None:
            try:
                return self._exchange(kept, call, keys, sink, attempt)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                pass  # it may have been closed while it was idle: this says nothing about the service
        fresh = call.endpoint.connection()
        fresh.connect()
        fresh.sock.settimeout(_SILENCE_S)
        return self._exchange(fresh, call, keys, sink, attempt)

    def _kept(self, endpoint: Endpoint) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(endpoint)
            return idle.pop() if idle else None

    def _exchange(
        self, connection: http.client.HTTPConnection, call: Call, keys: Keys, sink: Sink | None, attempt: int
    ) -> Answer:
        headers = {"Host": call.endpoint.netloc, **call.sign(keys)}
        if call.body or call.method in {"PUT", "POST"}:
            headers["Content-Length"] = str(len(call.body))
        until = min(self.deadline, time.monotonic() + _PATIENCE_S + len(call.body) / _SLOWEST)
        is_reusable = False
        try:
            connection.request(call.method, call.target, body=call.body or None, headers=headers)
            with connection.getresponse() as response:
                names = {name.lower(): value for name, value in response.getheaders()}
                body = b""
                if sink is not None and response.status // 100 == 2:
                    sink.begin(response.status, names)
                    _pour(response, sink, self.deadline)
                else:
                    body = _whole(response, until)
                is_reusable = not response.will_close
                return Answer(response.status, names, body, attempt)
        finally:
            self._put_back(call.endpoint, connection, is_reusable=is_reusable)

    def _put_back(self, endpoint: Endpoint, connection: http.client.HTTPConnection, *, is_reusable: bool) -> None:
        if not is_reusable:
            connection.close()
            return
        with self._lock:
            self._idle.setdefault(endpoint, []).append(connection)

    @staticmethod
    def _expired(call: Call, told: str) -> SiteBuildError:
        return SiteBuildError(
            f"{call.service} refused {call}, because the function's temporary credentials have expired ({told}); "
            "what was published before stays as it is, and the event can be sent again.",
            worth_retry=True,
        )


class BrokenAnswerError(OSError):
    """The body of an answer ended early, or came too slowly."""


def _whole(response: http.client.HTTPResponse, until: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > _ANSWER_LIMIT:
            raise BrokenAnswerError(f"an answer of more than {_ANSWER_LIMIT} bytes")
        if time.monotonic() > until:
            raise BrokenAnswerError("an answer that comes too slowly")
    _require_all(response)
    return b"".join(parts)


def _pour(response: http.client.HTTPResponse, sink: Sink, deadline: float) -> None:
    start, size = time.monotonic(), 0
    while chunk := response.read1(_CHUNK):
        sink.write(chunk)
        size += len(chunk)
        now = time.monotonic()
        if now > deadline or now - start > _PATIENCE_S + size / _SLOWEST:
            raise BrokenAnswerError("an answer that comes too slowly")
    _require_all(response)


def _require_all(response: http.client.HTTPResponse) -> None:
    if response.length:  # read1 ends silently where the connection does
        raise BrokenAnswerError(f"{response.length} bytes missing")

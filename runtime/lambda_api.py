"""The Lambda Runtime API over one keep-alive connection (Lambda Developer Guide, "Using the Lambda runtime API").

A raw blocking socket, requests preformatted, each sent in one write. No timeout anywhere: between two calls the
cloud may freeze the process for hours.
"""

from __future__ import annotations

import _socket

from runtime import logs, wire
from runtime.codec import JSON
from runtime.errors import describe
from runtime.http11 import ResponseParser
from runtime.http_head import BadMessageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.errors import Failure
    from runtime.http_head import Response

MAX_RESULT = 6 * 1024 * 1024 + 100
"""Bytes of the largest buffered result (Lambda Developer Guide, "Lambda quotas", and the API's own message)."""
API_LOST = 75
"""Exit status of one worker among several that lost the Runtime API: another one would fare no better."""
_MAX_EVENT = 64 * 1024 * 1024
"""Bytes of an event above which the peer cannot be the Runtime API; far over any limit of the cloud."""
_BUFFER = 65_536
_ACCEPTED_LENGTH = 256
_USER_AGENT = "isthmus/1"
_REQUEST_ID = "lambda-runtime-aws-request-id"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
_STREAMING = (
    "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
    f"Transfer-Encoding: chunked\r\nTrailer: {_ERROR_TYPE}, {_ERROR_BODY}\r\n"
)


class ApiLostError(Exception):
    """The Runtime API is gone or refuses to go on: this process cannot serve any further invocation."""


class RuntimeApi:
    """One connection. Not safe for two threads at once; a process that serves several at once opens several."""

    def __init__(self, address: str) -> None:
        """`address`: `host:port`, from the environment variable AWS_LAMBDA_RUNTIME_API."""
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._socket: _socket.socket | None = None
        self._parser: ResponseParser
        self._abandoned = False
        self._accepted_data = b""
        """The last 202 as it came, in one piece: within one second, all are the same."""
        self._accepted: Response | None = None
        self._common = f" HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {_USER_AGENT}\r\n"
        self._invocation = "POST /2018-06-01/runtime/invocation/"
        self._next = self._get("/2018-06-01/runtime/invocation/next")
        self._response = f"/response{self._common}Content-Type: "
        self._json_response = f"{self._response}{JSON}\r\n"
        self._error = f"/error{self._common}Content-Type: {JSON}\r\n"

    def next(self) -> Response:
        """Wait for the next invocation. Its body is valid until the next call of any method. Raises ApiLostError."""
        response = self._exchange(self._next, b"")
        if response.status != 200:
            raise ApiLostError(f"GET next: {_told(response)}")
        request_id = response.headers.get(_REQUEST_ID, "")
        if not request_id or " " in request_id or not request_id.isascii():
            raise ApiLostError(f"GET next was answered with the request id {request_id!r}")
        return response

    def free_event(self) -> None:
        """Let go of the room that a large event took."""
        if self._parser.grown:
            self._parser.trim()

    def respond(self, invocation: dict[str, str], body: bytes, media_type: str) -> None:
        """Post a result; `invocation`: the headers of its event. Raises ApiLostError.

        A refused result (400, 403, 410, 413) is logged: the API has told the caller itself.
        """
        tail = self._json_response if media_type is JSON else f"{self._response}{media_type}\r\n"
        self._post(invocation, tail, body)

    def stream(self, invocation: dict[str, str], pieces: Iterator[bytes], media_type: str) -> None:
        """Post a result piece by piece; where they fail, the failure is logged and goes with the trailers.

        Stops early when the API answers before the end: then nobody reads on. Raises ApiLostError.
        """
        head = f"{self._invocation}{invocation[_REQUEST_ID]}{self._response}{media_type}\r\n{_STREAMING}"
        try:
            sock = self._socket or self._connect()
            sock.sendall(f"{head}{_nonce(invocation)}\r\n".encode("latin-1"))
            _send_pieces(sock, pieces)
            response = self._receive(sock)
        except (OSError, BadMessageError) as error:
            # Lost for this result only: if the API has gone for good, the next call finds out.
            logs.warning(f"a streamed result was cut off: {error}")
        else:
            self._settle(response)
        # Closed as documented (Lambda Developer Guide, "Building a custom runtime": response streaming).
        self._close()

    def fail(self, invocation: dict[str, str], failure: Failure) -> None:
        """Post the failure of an invocation. Raises ApiLostError."""
        body = failure.body(invocation[_REQUEST_ID])
        self._post(invocation, self._error + _error_headers(failure), body)

    def fail_init(self, failure: Failure, error_type: str = "") -> None:
        """Post the failure of the initialisation; the process should then exit. Raises ApiLostError."""
        self._report("init", failure, error_type)

    def await_restore(self) -> None:
        """Say that the snapshot may be taken, and wait for the environment to be restored. Raises ApiLostError."""
        response = self._exchange(self._get("/2018-06-01/runtime/restore/next"), b"")
        if response.status != 200:
            raise ApiLostError(f"GET restore/next: {_told(response)}")
        self._close()  # what is on the other side now need not know this connection

    def fail_restore(self, failure: Failure) -> None:
        """Post the failure of a hook after a restore; the process should then exit. Raises ApiLostError."""
        self._report("restore", failure, "Runtime.AfterRestoreError")

    def register_extension(self, name: str, *, must: bool) -> str:
        """Register an internal extension without events; its identifier, empty when refused. Raises ApiLostError."""
        body = b'{"events":[]}'
        head = (
            f"POST /2020-01-01/extension/register{self._common}Lambda-Extension-Name: {name}\r\n"
            f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        response = self._exchange(head.encode("latin-1"), body)
        if response.status != 200 and must:
            logs.warning(f"no shutdown hook will run: {_told(response)}")
        return response.headers.get("lambda-extension-identifier", "") if response.status == 200 else ""

    def park_extension(self, identifier: str) -> None:
        """Ask for the extension's next event, for which the environment waits; none ever comes. Raises ApiLostError."""
        fields = f"Lambda-Extension-Identifier: {identifier}\r\n"
        try:
            sock = self._socket or self._connect()
            sock.sendall(self._get("/2020-01-01/extension/event/next", fields))
        except OSError as error:
            raise ApiLostError(f"lost the Extensions API: {error}") from error

    def abandon(self) -> None:
        """Make this connection useless: a forked child must not answer for its parent."""
        self._abandoned = True
        self._close()

    def _get(self, path: str, fields: str = "") -> bytes:
        return f"GET {path}{self._common}{fields}\r\n".encode("latin-1")

    def _report(self, phase: str, failure: Failure, error_type: str) -> None:
        body = failure.body()
        fields = _error_headers(failure, error_type)
        head = f"POST /2018-06-01/runtime/{phase}/error{self._common}Content-Type: {JSON}\r\n{fields}"
        self._settle(self._exchange(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1"), body))

    def _post(self, invocation: dict[str, str], tail: str, body: bytes) -> None:
        nonce = _nonce(invocation)
        head = f"{self._invocation}{invocation[_REQUEST_ID]}{tail}{nonce}Content-Length: {len(body)}\r\n\r\n"
        self._settle(self._exchange(head.encode("latin-1"), body))

    def _settle(self, response: Response) -> None:
        if response.status == 202:
            return
        answer = _told(response)
        if response.status >= 500:
            raise ApiLostError(answer)
        logs.warning(answer)

    def _exchange(self, head: bytes, body: bytes) -> Response:
        try:
            sock = self._socket or self._connect()
            _send(sock, head, body)
            response = self._receive(sock)
        except (OSError, BadMessageError) as error:
            raise ApiLostError(f"lost the Runtime API at {self._address[0]}:{self._address[1]}: {error}") from error
        if not response.keep_alive:
            self._close()
        return response

    def _receive(self, sock: _socket.socket) -> Response:
        parser = self._parser
        space = parser.space()
        count = sock.recv_into(space)
        data = bytes(space[:count]) if count <= _ACCEPTED_LENGTH and parser.empty else b""
        if data and data == self._accepted_data and self._accepted is not None:
            return self._accepted
        while count:
            parser.received(count)
            while (response := parser.next()) is not None:
                if response.status >= 200:
                    if response.status == 202 and parser.empty:
                        self._accepted_data, self._accepted = data, response
                    return response
            data = b""
            count = sock.recv_into(parser.space())
        last = parser.at_eof()
        if last is None:
            raise ConnectionError("the connection was closed")
        return last

    def _connect(self) -> _socket.socket:
        if self._abandoned:
            raise ConnectionError("this process was forked from the runtime and must not answer for it")
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        sock.settimeout(None)  # whatever `socket.setdefaulttimeout` the handler called
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        sock.connect(self._address)
        # Whatever the last connection left behind is no part of what comes by this one.
        self._parser = ResponseParser(size=_BUFFER, body_limit=_MAX_EVENT)
        self._socket = sock
        return sock

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _send(sock: _socket.socket, head: bytes, body: bytes) -> None:
    try:
        wire.send(sock, head, body)
    except (BrokenPipeError, ConnectionResetError):
        # The API may refuse a body before it has read it all; then its answer is waiting.
        return


def _send_pieces(sock: _socket.socket, pieces: Iterator[bytes]) -> None:
    """Send a chunked body, unless an answer ends it early. Raises OSError."""
    import binascii  # noqa: F401 - now, since a function that is out of descriptors could not when it fails

    from runtime import streams

    last = b""
    while not last:
        try:
            data = streams.chunk(next(pieces))
        except StopIteration:
            logs.flush()
            data = last = streams.LAST_CHUNK
        except BaseException as error:  # noqa: BLE001
            failure = describe(error)
            logs.failure("aws", failure)
            data = last = b"0\r\n" + _trailers(failure)
        try:
            if _is_readable(sock):
                return
            sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # The API may refuse a body before it has read it all; then its answer is waiting.
            return


def _is_readable(sock: _socket.socket) -> bool:
    try:
        sock.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    return True


def _trailers(failure: Failure) -> bytes:
    from binascii import b2a_base64

    body = b2a_base64(failure.body(), newline=False)
    return f"{_ERROR_TYPE}: {failure.header_type}\r\n{_ERROR_BODY}: ".encode("ascii") + body + b"\r\n\r\n"


def _nonce(invocation: dict[str, str]) -> str:
    """What shows the API that a result belongs to its event; sent back only where it came."""
    nonce = invocation.get("lambda-runtime-invocation-id")
    return "" if nonce is None else f"Lambda-Runtime-Invocation-Id: {nonce}\r\n"


def _told(response: Response) -> str:
    return f"the Runtime API answered {response.status}: {bytes(response.body[:500])!r}"


def _error_headers(failure: Failure, error_type: str = "") -> str:
    cause = f"Lambda-Runtime-Function-XRay-Error-Cause: {failure.cause}\r\n" if failure.cause else ""
    return f"{_ERROR_TYPE}: {error_type or failure.header_type}\r\n{cause}"

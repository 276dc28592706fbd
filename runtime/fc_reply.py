"""How a reply goes out on a connection: status line, framing, and pieces one by one."""

from __future__ import annotations

from runtime import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Generator

    from runtime.http_head import Request
    from runtime.web import Reply

_BODILESS = frozenset({204, 304})
_REASONS = {
    200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
    302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 413: "Content Too Large", 414: "URI Too Long",
    417: "Expectation Failed", 422: "Unprocessable Content", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip
_OPEN, _CLOSE = b"Connection: keep-alive\r\n\r\n", b"Connection: close\r\n\r\n"
_KEPT, _KEPT_LENGTH = 64, 256
_starts: dict[tuple[int, str, str], bytes] = {}
"""Heads sent lately, without what tells where the reply ends."""


def send(sock: socket, request: Request, reply: Reply) -> bool:
    """Send a reply to the end; whether the connection stays open. Raises OSError."""
    if reply.pieces is not None:
        return _stream(sock, request, reply, reply.pieces)
    keep_alive, head_only = request.keep_alive, request.method == "HEAD"
    head = _head(reply, head_only=head_only, keep_alive=keep_alive)
    wire.send(sock, head, b"" if head_only or reply.status in _BODILESS else reply.body)
    return keep_alive


def refuse(sock: socket, reply: Reply) -> None:
    """Send the last reply of a connection. Raises OSError."""
    wire.send(sock, _head(reply, head_only=False, keep_alive=False), reply.body)


def _head(reply: Reply, *, head_only: bool, keep_alive: bool) -> bytes:
    start, stop = _start(reply), _OPEN if keep_alive else _CLOSE
    # Frameworks leave out the body of an answer to HEAD: its length is then not known, rather than 0.
    if reply.status in _BODILESS or (head_only and not reply.body):
        return start + stop
    return b"%bContent-Length: %d\r\n%b" % (start, len(reply.body), stop)


def _start(reply: Reply) -> bytes:
    """Status line and header fields, up to those of the framing."""
    key = reply.status, reply.media_type, reply.head
    return _starts.get(key) or _new_start(key)


def _new_start(key: tuple[int, str, str]) -> bytes:
    status, media_type, fields = key
    line = f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n"
    start = f"{line}Content-Type: {media_type}\r\n{fields}" if media_type else f"{line}{fields}"
    data = start.encode("latin-1")
    if len(_starts) >= _KEPT:
        _starts.clear()
    if len(data) <= _KEPT_LENGTH:
        _starts[key] = data
    return data


def _stream(sock: socket, request: Request, reply: Reply, pieces: Generator[bytes, None, None]) -> bool:
    """Send a reply piece by piece; whether the connection stays open. It is cut where the pieces fail.

    A client of HTTP/1.0 knows no chunks: there the end of the connection ends the reply. Raises OSError.
    """
    from runtime.streams import LAST_CHUNK, chunk

    chunked = request.minor == 1
    keep_alive = request.keep_alive and chunked
    try:
        sock.sendall(_stream_head(reply, chunked=chunked, keep_alive=keep_alive))
        if request.method == "HEAD" or reply.status in _BODILESS:
            return keep_alive
        for piece in pieces:
            sock.sendall(chunk(piece) if chunked else piece)
    except BaseException:  # noqa: BLE001 - the client has gone, or the pieces failed, which is logged at their source
        return False
    finally:
        pieces.close()
    if chunked:
        sock.sendall(LAST_CHUNK)
    return keep_alive


def _stream_head(reply: Reply, *, chunked: bool, keep_alive: bool) -> bytes:
    coding = b"Transfer-Encoding: chunked\r\n" if chunked and reply.status not in _BODILESS else b""
    return _start(reply) + coding + (_OPEN if keep_alive else _CLOSE)

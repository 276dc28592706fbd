"""One client's connection: its requests read and answered, its deadlines, and its end."""

from __future__ import annotations

import _socket
from time import monotonic

from runtime import fc_reply
from runtime.http11 import RequestParser
from runtime.http_head import BadMessageError
from runtime.web import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.http_head import Request

MAX_BODY = 33_554_432
"""Bytes of a request body (Function Compute, "Limits": 32 MB for synchronous invocations)."""
HEAD_SECONDS = 10.0
"""Time for a request's head, from its first byte. An idle connection has no limit."""
STALL_SECONDS = 30
"""Time between two pieces of a body, and for a client that does not read its answer."""
DRAIN_SECONDS = 2.0
_BUFFER = 8_192
_DRAINED = 65_536


class Connection:
    """For one thread at a time, which the server sees to by `attended` and `news`."""

    __slots__ = ("_answer", "_draining", "_parser", "_promised", "answering", "attended", "deadline", "news", "sock")

    def __init__(self, sock: _socket.socket, answer: Callable[[Request, _socket.socket], Reply]) -> None:
        self.sock = sock
        self._answer = answer
        self._parser = RequestParser(size=_BUFFER, body_limit=MAX_BODY)
        self.deadline = 0.0
        """When a message that has begun must have gone on; 0 while none has."""
        self._promised: Request | None = None
        """The request that was told `100 Continue`."""
        self.answering = False
        self.attended = False
        """Whether a thread works on it; others then leave their events in `news`."""
        self.news = 0
        self._draining = False
        """Refused and shut down; what the client still sends is thrown away, so that it can read why."""

    @property
    def at_rest(self) -> bool:
        """Whether nothing but a next request is due."""
        return self._parser.empty and not self._draining

    def converse(self, *, ended: bool) -> bool:
        """Read what has come and answer every complete request; whether the connection stays open.

        `ended`: the client has sent its last byte, and all must be read to come to the end.
        """
        if self._draining:
            return self._drain()
        more = True
        while more:
            space = self._parser.space()
            try:
                count = self.sock.recv_into(space, 0, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if count == 0 or not self._take(count):
                return False
            # A short read has emptied the socket; of what comes later, epoll tells anew.
            more = (ended or count == len(space)) and not self._draining
        return True

    def await_request(self) -> bool | None:
        """Wait for the next piece of a request and answer it if it is whole; whether the connection stays open.

        None where nothing has come within the receive timeout of the socket.
        """
        try:
            count = self.sock.recv_into(self._parser.space())
        except BlockingIOError:
            return None
        except OSError:
            return False
        return count > 0 and self._take(count)

    def _drain(self) -> bool:
        try:
            while self.sock.recv(_DRAINED, _socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            return True
        return False

    def _take(self, count: int) -> bool:
        """Answer what the `count` bytes that came make complete; whether the connection stays open."""
        parser, sock = self._parser, self.sock
        parser.received(count)
        try:
            while (request := parser.next()) is not None:
                self.deadline = 0.0
                self.answering = True
                stays = fc_reply.send(sock, request, self._answer(request, sock))
                self.answering = False
                if parser.grown:
                    parser.trim()
                if not stays:
                    return False
            if not parser.empty:
                self._set_deadline()
        except BadMessageError as refusal:
            return self._refuse(refusal)
        except OSError:
            return False
        return True

    def _set_deadline(self) -> None:
        message = self._parser.unfinished
        if message is None:
            self.deadline = self.deadline or monotonic() + HEAD_SECONDS
            return
        self.deadline = monotonic() + STALL_SECONDS
        if message.expects_continue and message is not self._promised:
            self._promised = message
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, refusal: BadMessageError) -> bool:
        """Say why, then read until the client has seen it: closing at once would reset the answer away."""
        reply = Reply(refusal.status, f"{refusal}\n".encode(), "text/plain; charset=utf-8")
        try:
            fc_reply.refuse(self.sock, reply)
            self.sock.shutdown(_socket.SHUT_WR)
        except OSError:
            return False
        self._draining = True
        self.deadline = monotonic() + DRAIN_SECONDS
        return True

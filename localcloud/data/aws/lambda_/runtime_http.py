"""The HTTP/1.1 shell of a Runtime API server, on h11: chunked replies, trailers and broken bodies are seen as they are.

A general server library hides just what a runtime has to get right: where a reply is chunked, what a trailer
says, and that a body ended before its Content-Length.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import h11

_READ_BYTES = 1 << 16
_HANG_UP_SECONDS = 0.2
_CHUNK_BYTES = 2048
"""A reply body up to this size has a Content-Length, a longer one is chunked: Go's net/http, which the service uses."""


class TruncatedBody(Exception):  # noqa: N818
    """The connection ended before the request body did."""


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


class Exchange:
    """One request with a body that is read piece by piece."""

    def __init__(self, connection: h11.Connection, reader: asyncio.StreamReader, request: h11.Request) -> None:
        self._connection = connection
        self._reader = reader
        self.method = request.method.decode()
        self.path = request.target.decode("latin-1")
        self.headers = _texts(request.headers)
        self.trailers: dict[str, str] = {}
        """Lower-case trailers, known once the body has been read."""

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the body; raises TruncatedBody."""
        while True:
            event = await next_event(self._connection, self._reader)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self.trailers = _texts(event.headers)
                return
            else:
                raise TruncatedBody

    async def skip_rest(self) -> None:
        """Read over what the handler did not care for, so that the connection can be used again."""
        if self._connection.their_state is h11.SEND_BODY:
            with contextlib.suppress(TruncatedBody):
                async for _ in self.body():
                    pass


Handler = Callable[[Exchange], Awaitable[Reply]]


class Listener:
    """A server on a free loopback port that answers every request by `handler`, with keep-alive."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen; returns `host:port`."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Listen no more and end every conversation."""
        if self._server is not None:
            self._server.close()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, h11.ProtocolError):
                await _converse(self._handler, reader, writer)
        finally:
            writer.close()


async def _converse(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    while True:
        request = await next_event(connection, reader)
        if not isinstance(request, h11.Request):
            return
        exchange = Exchange(connection, reader, request)
        reply = await _answer_or_leave(handler(exchange), reader)
        if reply is None:
            return
        await exchange.skip_rest()
        await _send(connection, writer, reply)
        if connection.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            return
        connection.start_next_cycle()


async def _answer_or_leave(work: Awaitable[Reply], reader: asyncio.StreamReader) -> Reply | None:
    """The reply, or None when the runtime hangs up while it waits: a long poll must not eat an event then."""
    answering = asyncio.ensure_future(work)
    try:
        while not answering.done() and not reader.at_eof():
            await asyncio.wait({answering}, timeout=_HANG_UP_SECONDS)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()


async def next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return h11.ConnectionClosed()
        if event is not h11.NEED_DATA:
            return event
        connection.receive_data(await reader.read(_READ_BYTES))


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, reply: Reply) -> None:
    long = len(reply.body) > _CHUNK_BYTES
    framing = ("Transfer-Encoding", "chunked") if long else ("Content-Length", str(len(reply.body)))
    events: list[h11.Event] = [h11.Response(status_code=reply.status, headers=[*reply.headers, framing])]
    pieces = [reply.body[:_CHUNK_BYTES], reply.body[_CHUNK_BYTES:]] if long else [reply.body]
    events += [h11.Data(data=piece) for piece in pieces]
    for event in [*events, h11.EndOfMessage()]:
        data = connection.send(event)
        if data:
            writer.write(data)
    await writer.drain()


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode().lower(): value.decode("latin-1") for name, value in headers}

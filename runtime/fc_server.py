"""Alibaba Cloud FC: an HTTP/1.1 server whose port is open before the handler is imported.

At most two threads wait on one epoll; whichever wakes reads the request and runs the handler itself, so that a fast
request changes threads never. When the last waiting thread takes work, another takes its place: threads grow only
with handlers that block. The main thread imports the handler, then keeps time and takes signals.

A connection is never closed first while the client behaves: FC reuses them and fails a POST that meets a close
(Function Compute, "Principles of custom runtimes": keep-alive).
"""

from __future__ import annotations

import _socket
import _thread
import gc
import os
import select
import sys
from time import monotonic, sleep

from runtime import hooks, lifecycle, logs, wire
from runtime.fc_function import FcFunction
from runtime.http11 import RequestParser
from runtime.http_head import BadMessageError
from runtime.web import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from runtime.http_head import Request

POLLERS = 2
MAX_THREADS = 256
"""FC runs up to 200 requests at once in one instance; the rest answers life cycle calls beside them."""
MAX_BODY = 33_554_432
"""Bytes of a request body (Function Compute, "Limits": 32 MB for synchronous invocations)."""
HEAD_SECONDS = 10.0
"""Time for a request's head, from its first byte. An idle connection has no limit."""
STALL_SECONDS = 30
"""Time between two pieces of a body, and for a client that does not read its answer."""
STAY_SECONDS = 1
"""Time that a thread waits on the only connection before it goes back to wait for all."""
DRAIN_SECONDS = 2.0
STOP_SECONDS = 10.0
"""Time that running requests get after SIGTERM."""
_BUFFER = 8_192
_DRAINED = 65_536
_ONCE_READABLE = select.EPOLLIN | select.EPOLLONESHOT
_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
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


class Connection:
    __slots__ = ("attended", "deadline", "draining", "news", "parser", "promised", "sock")

    def __init__(self, sock: _socket.socket) -> None:
        self.sock = sock
        self.parser = RequestParser(size=_BUFFER, body_limit=MAX_BODY)
        self.deadline = 0.0
        """When a message that has begun must have gone on; 0 while none has."""
        self.promised: Request | None = None
        """The request that was told `100 Continue`."""
        self.attended = False
        """Whether a thread works on it; others then leave their events in `news`."""
        self.news = 0
        self.draining = False
        """Refused and shut down; what the client still sends is thrown away, so that it can read why."""


class Server:
    """Answers every request on a listening socket with `answer`, which is called from many threads at once."""

    def __init__(self, listener: _socket.socket, answer: Callable[[Request], Reply]) -> None:
        self._listener = listener
        self._answer = answer
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._unfinished: set[Connection] = set()
        self._busy: set[Connection] = set()
        self._lock = _thread.allocate_lock()
        self._parked: list[_thread.LockType] = []
        self._pollers = 0
        self._threads = 0
        self._forked = False

    def start(self) -> None:
        """Begin to accept and answer, on threads of its own."""
        os.register_at_fork(after_in_child=self._disown)
        self._listener.setblocking(False)  # noqa: FBT003
        self._epoll.register(self._listener.fileno(), _ONCE_READABLE)
        with self._lock:
            self._ensure_poller()

    def end_stalled(self) -> None:
        """Cut connections whose message has not gone on in time; to be called about once a second."""
        now = monotonic()
        for connection in list(self._unfinished):
            if 0 < connection.deadline < now:
                # Its thread sees the end of the stream and closes; closing here could hit a descriptor in use.
                _quietly(connection.sock.shutdown, _socket.SHUT_RDWR)

    def stop(self, seconds: float) -> None:
        """Accept no more, and wait up to `seconds` for the requests in progress."""
        _quietly(self._epoll.unregister, self._listener.fileno())
        self._listener.close()
        end = monotonic() + seconds
        while self._busy and monotonic() < end:
            sleep(0.01)

    def _work(self) -> None:
        gate = _thread.allocate_lock()
        gate.acquire()
        poll, lock = self._epoll.poll, self._lock
        while True:
            ready = poll(-1, 1)
            with lock:
                self._pollers -= 1
                if self._pollers == 0:
                    self._ensure_poller()
            for descriptor, events in ready:
                self._serve(descriptor, events)
            with lock:
                if self._pollers < POLLERS:
                    self._pollers += 1
                    continue
                self._parked.append(gate)
            gate.acquire()

    def _ensure_poller(self) -> None:
        """With the lock held: let one more thread wait for work, a parked one or else a new one."""
        if self._parked:
            self._parked.pop().release()
        elif self._threads < MAX_THREADS and self._spawn():
            self._threads += 1
        else:
            return  # every thread is at work; the first that is done waits again
        self._pollers += 1

    def _spawn(self) -> bool:
        try:
            _thread.start_new_thread(self._work, ())
        except RuntimeError as error:
            logs.error(str(error))
            return False
        return True

    def _disown(self) -> None:
        self._forked = True

    def _serve(self, descriptor: int, events: int) -> None:
        connection = self._connections.get(descriptor)
        try:
            if connection is None:
                self._accept()
            else:
                self._attend(connection, events)
        except BaseException as error:  # noqa: BLE001 - nothing that one connection does may cost a thread
            logs.error(f"{type(error).__name__}: {error}")
            if connection is not None:
                self._close(connection)

    def _attend(self, connection: Connection, events: int) -> None:
        """Work on a connection until it has nothing more to say, unless another thread does so already."""
        with self._lock:
            if connection.attended:
                connection.news |= events
                return
            connection.attended = True
        while events:
            stays = self._converse(connection, ended=events & _ENDED != 0)
            if stays and self._is_alone(connection):
                stays = self._stay(connection)
            if not stays:
                self._close(connection)
                return
            with self._lock:
                events = connection.news
                connection.news = 0
                connection.attended = events != 0

    def _is_alone(self, connection: Connection) -> bool:
        """Whether there is no other connection to attend to, and nothing of this one is due but its next request."""
        return len(self._connections) == 1 and connection.parser.empty and not connection.draining

    def _stay(self, connection: Connection) -> bool:
        """Wait on the only connection itself, which costs less than to be told of it; whether it stays open."""
        with self._lock:
            if self._pollers == 0:
                self._ensure_poller()
            if self._pollers == 0:
                return True  # nobody would see another connection come
        descriptor = connection.sock.fileno()
        self._epoll.modify(descriptor, select.EPOLLET)
        stays = True
        while stays and self._is_alone(connection):
            try:
                count = connection.sock.recv_into(connection.parser.space())
            except BlockingIOError:
                break
            except OSError:
                return False
            stays = count > 0 and self._guarded(self._take, connection, count)
        if stays:
            self._epoll.modify(descriptor, _READABLE)
        return stays

    def _accept(self) -> None:
        try:
            while True:
                descriptor, _ = self._listener._accept()  # pyright: ignore[reportAttributeAccessIssue] # noqa: SLF001
                sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
                self._connections[descriptor] = Connection(sock)
                self._epoll.register(descriptor, _READABLE)
        except BlockingIOError:
            pass
        except OSError as error:
            if self._listener.fileno() < 0:
                return
            # Such as too many open files: clients wait in the backlog until one is free.
            logs.error(f"accept: {error}")
            sleep(0.05)
        _quietly(self._epoll.modify, self._listener.fileno(), _ONCE_READABLE)

    def _close(self, connection: Connection) -> None:
        self._connections.pop(connection.sock.fileno(), None)
        self._unfinished.discard(connection)
        connection.sock.close()

    def _converse(self, connection: Connection, *, ended: bool) -> bool:
        """Read what has come and answer every complete request; whether the connection stays open."""
        act = self._drain if connection.draining else self._read_and_answer
        return self._guarded(act, connection, ended)

    def _guarded(self, act: Callable[[Connection, int], bool], connection: Connection, argument: int) -> bool:
        try:
            return act(connection, argument)
        except BadMessageError as refusal:
            return self._refuse(connection, refusal)
        except OSError:
            return False

    def _drain(self, connection: Connection, _ended: int) -> bool:
        try:
            while connection.sock.recv(_DRAINED, _socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            return True
        return False

    def _read_and_answer(self, connection: Connection, ended: int) -> bool:
        """`ended`: whether the client has sent its last byte, so that all must be read to come to the end."""
        more = True
        while more:
            space = connection.parser.space()
            try:
                count = connection.sock.recv_into(space, 0, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if count == 0:
                return False
            # The edge of what came later is still to be seen; a short read has come to it.
            more = ended or count == len(space)
            if not self._take(connection, count):
                return False
        return True

    def _take(self, connection: Connection, count: int) -> bool:
        """Answer what is complete with the `count` bytes that came; whether the connection stays open."""
        parser = connection.parser
        parser.received(count)
        while (request := parser.next()) is not None:
            connection.deadline = 0.0
            if not self._respond(connection, request):
                return False
        if connection.deadline or not parser.empty:
            self._set_deadline(connection)
        return True

    def _set_deadline(self, connection: Connection) -> None:
        message = connection.parser.unfinished
        if message is not None:
            connection.deadline = monotonic() + STALL_SECONDS
            self._unfinished.add(connection)
            if message.expects_continue and message is not connection.promised:
                connection.promised = message
                connection.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif connection.parser.empty:
            connection.deadline = 0.0
            self._unfinished.discard(connection)
        elif not connection.deadline:
            connection.deadline = monotonic() + HEAD_SECONDS
            self._unfinished.add(connection)

    def _respond(self, connection: Connection, request: Request) -> bool:
        """Answer; whether the connection stays open."""
        self._busy.add(connection)
        try:
            reply = self._answer(request)
            if self._forked:
                os._exit(1)  # a child that a handler forked came back here: it must not speak for its parent
            keep_alive = request.keep_alive
            if reply.pieces is not None:
                keep_alive = self._stream(connection.sock, request, reply, reply.pieces)
            else:
                head_only = request.method == "HEAD"
                wire.send(connection.sock, *_bytes(reply, head_only=head_only, keep_alive=keep_alive))
        finally:
            self._busy.discard(connection)
        connection.parser.trim()
        return keep_alive

    def _stream(
        self, sock: _socket.socket, request: Request, reply: Reply, pieces: Generator[bytes, None, None]
    ) -> bool:
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

    def _refuse(self, connection: Connection, refusal: BadMessageError) -> bool:
        """Say why, then read until the client has seen it: closing at once would reset the answer away."""
        reply = Reply(refusal.status, f"{refusal}\n".encode(), "text/plain; charset=utf-8")
        try:
            wire.send(connection.sock, *_bytes(reply, head_only=False, keep_alive=False))
            connection.sock.shutdown(_socket.SHUT_WR)
        except OSError:
            return False
        connection.draining = True
        connection.deadline = monotonic() + DRAIN_SECONDS
        self._unfinished.add(connection)
        return True


def run() -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    if os.getpid() == 1:
        lifecycle.become_child_of_init()
    logs.prepare("alibaba")
    port = os.environ.get("FC_CUSTOM_LISTEN_PORT") or os.environ.get("FC_SERVER_PORT") or "9000"
    try:
        listener = _listen(int(port))
    except (OSError, ValueError, OverflowError) as error:
        logs.error(f"cannot listen on 0.0.0.0:{port}: {error}; free the port or set FC_CUSTOM_LISTEN_PORT")
        logs.flush()
        return 1
    stopped = lifecycle.StopSignal()
    function = FcFunction()
    server = Server(listener, function.answer)
    server.start()
    function.load()
    gc.freeze()
    while not stopped.wait(1.0):
        server.end_stalled()
    server.stop(STOP_SECONDS)
    hooks.run_shutdown("alibaba")
    return 0


def _listen(port: int) -> _socket.socket:
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit all of these.
    listener.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, STALL_SECONDS.to_bytes(8, sys.byteorder) + bytes(8))
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, STAY_SECONDS.to_bytes(8, sys.byteorder) + bytes(8))
    listener.bind(("0.0.0.0", port))  # noqa: S104 - the contract; FC does not reach 127.0.0.1
    listener.listen(1024)
    return listener


def _bytes(reply: Reply, *, head_only: bool, keep_alive: bool) -> tuple[bytes, bytes]:
    status = reply.status
    length = "" if status in _BODILESS else f"Content-Length: {len(reply.body)}\r\n"
    connection = "keep-alive" if keep_alive else "close"
    head = f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n{reply.head}{length}Connection: {connection}\r\n\r\n"
    return head.encode("latin-1"), b"" if head_only or not length else reply.body


def _stream_head(reply: Reply, *, chunked: bool, keep_alive: bool) -> bytes:
    coding = "Transfer-Encoding: chunked\r\n" if chunked and reply.status not in _BODILESS else ""
    connection = "keep-alive" if keep_alive else "close"
    head = f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, '')}\r\n{reply.head}{coding}"
    return f"{head}Connection: {connection}\r\n\r\n".encode("latin-1")


def _quietly(act: Callable[..., object], *arguments: object) -> None:
    try:
        act(*arguments)
    except (OSError, ValueError):
        return

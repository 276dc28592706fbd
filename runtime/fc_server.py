"""Alibaba Cloud FC: an HTTP/1.1 server whose port is open before the handler is imported.

At most two threads wait on one epoll; whichever wakes reads the request and runs the handler itself, so that a fast
request changes threads never. When the last waiting thread takes work, another takes its place: threads grow only
with handlers that block. The main thread imports the handler, then keeps time and takes signals.

Until a handler is seen to block, a single thread takes many connections at once from the kernel, since a second one
could only hold up what it took until the first lets go of the interpreter; the main thread watches whether it comes to
them. A sole connection has its thread wait on it alone.

A connection is never closed first while the client behaves: FC reuses them and fails a POST that meets a close
(Function Compute, "Principles of custom runtimes": keep-alive).
"""

from __future__ import annotations

import _socket
import _thread
import os
import select
import sys
from _collections import deque  # pyright: ignore[reportMissingImports] - `collections` itself costs the start
from time import monotonic, sleep

from runtime import hooks, lifecycle, logs
from runtime.fc_connection import STALL_SECONDS, Connection
from runtime.fc_function import FcFunction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.http_head import Request
    from runtime.web import Reply

BATCH = 32
"""Connections that the one thread takes over from the kernel at once, as long as no handler blocks."""
POLLERS = 2
"""Threads that wait at most, each for one connection, once a handler has blocked."""
TICK_SECONDS = 0.01
"""How often the main thread looks whether handlers block, while requests wait."""
SLOW_REQUESTS = 20
"""Requests in a tick below which the one thread counts as slow: each takes it half a millisecond or more."""
SLOW_TICKS = 10
"""So many slow ticks in a row are no mood of the processor. One in which nothing at all was done counts for five."""
MAX_THREADS = 256
"""FC runs up to 200 requests at once in one instance; the rest answers life cycle calls beside them."""
STAY_SECONDS = 1
"""Time that a thread waits on the only connection before it goes back to wait for all."""
STOP_SECONDS = 10.0
"""Time that running requests get after SIGTERM."""
_ONCE_READABLE = select.EPOLLIN | select.EPOLLONESHOT
_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Server:
    """Answers every request on a listening socket with `answer`, which is called from many threads at once."""

    def __init__(self, listener: _socket.socket, answer: Callable[[Request, _socket.socket], Reply]) -> None:
        self._listener = listener
        self._answer = answer
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._lock = _thread.allocate_lock()
        self._parked: list[_thread.LockType] = []
        self._pollers = 0
        self._threads = 0
        self._forked = False
        self._batch = 1
        self._waiting: deque[tuple[int, int]] = deque()
        """What was taken from the kernel and is not yet attended to, oldest first."""
        self._served = 0
        self._seen = 0
        self._slow_ticks = 0
        self._idle_ticks = 0
        self._watched = False
        self._wake: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to accept and answer, on threads of its own."""
        os.register_at_fork(after_in_child=self._disown)
        self._listener.setblocking(False)  # noqa: FBT003
        self._epoll.register(self._listener.fileno(), _ONCE_READABLE)
        with self._lock:
            self._ensure_poller()

    def watch(self, stopped: lifecycle.StopSignal) -> None:
        """Keep time until the end; for the main thread, once the handler is imported."""
        self._wake = stopped.wake
        self._batch = BATCH
        while not stopped.wait(TICK_SECONDS if self._watched else 1.0):
            self._end_stalled()
            if self._watched:
                self._tick()

    def _tick(self) -> None:
        """Where work waits and too little is done, handlers block: from now on each gets its thread.

        When nothing has waited for a second, this thread sleeps longer again.
        """
        waits, done = self._does_work_wait(), self._served - self._seen
        self._seen += done
        slow = 0 if done >= SLOW_REQUESTS else 1 if done else 5
        self._slow_ticks = self._slow_ticks + slow if waits and slow else 0
        self._idle_ticks = 0 if waits else self._idle_ticks + 1
        if self._slow_ticks >= SLOW_TICKS:
            self._slow_ticks = 0
            self._give_each_its_thread()
        if self._idle_ticks * TICK_SECONDS >= 1:
            self._watched = False
            # Something may have begun to wait in between, and found itself watched.
            self._watched = self._does_work_wait()

    def _give_each_its_thread(self) -> None:
        self._batch = 1
        with self._lock:
            for _ in range(max(1, len(self._waiting))):
                self._ensure_poller()

    def _does_work_wait(self) -> bool:
        return bool(self._waiting) or self._pollers == 0

    def _end_stalled(self) -> None:
        """Cut connections whose message has not gone on in time."""
        now = monotonic()
        for connection in list(self._connections.values()):
            if 0 < connection.deadline < now:
                # Its thread sees the end of the stream and closes; closing here could hit a descriptor in use.
                _quietly(connection.sock.shutdown, _socket.SHUT_RDWR)

    def stop(self, seconds: float) -> None:
        """Accept no more, and wait up to `seconds` for the requests in progress."""
        _quietly(self._epoll.unregister, self._listener.fileno())
        self._listener.close()
        self._give_each_its_thread()  # nobody watches any more whether a handler blocks
        end = monotonic() + seconds
        while monotonic() < end and self._is_at_work():
            sleep(0.01)

    def _is_at_work(self) -> bool:
        return bool(self._waiting) or any(connection.answering for connection in list(self._connections.values()))

    def _work(self) -> None:
        gate = _thread.allocate_lock()
        gate.acquire()
        poll, lock, waiting = self._epoll.poll, self._lock, self._waiting
        while True:
            if not waiting:
                waiting.extend(poll(-1, self._batch))
            with lock:
                self._pollers -= 1
                if self._pollers == 0:
                    self._replace_poller()
            while waiting:
                try:
                    event = waiting.popleft()
                except IndexError:
                    break  # another thread was faster
                self._serve(*event)
                self._served += 1
            with lock:
                if self._pollers < (POLLERS if self._batch == 1 else 1):
                    self._pollers += 1
                    continue
                self._parked.append(gate)
            gate.acquire()

    def _replace_poller(self) -> None:
        """With the lock held: see to it that work is attended to although nobody waits for it any more."""
        if self._batch == 1:
            self._ensure_poller()
        elif not self._watched and self._wake is not None:
            self._watched = True
            self._wake()

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
        """In a child that a handler forked: the connections are its parent's, to answer and to end."""
        self._forked = True
        self._listener.close()
        for connection in self._connections.values():
            connection.sock.close()

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
            stays = connection.converse(ended=events & _ENDED != 0)
            if stays and len(self._connections) == 1:
                stays = self._stay(connection)
            if not stays:
                self._close(connection)
                return
            with self._lock:
                events = connection.news
                connection.news = 0
                connection.attended = events != 0

    def _is_alone(self, connection: Connection) -> bool:
        """Whether there is nothing else to attend to than the next request on this connection."""
        return len(self._connections) == 1 and not self._waiting and connection.at_rest

    def _stay(self, connection: Connection) -> bool:
        """Wait on the only connection itself, which costs less than to be told of it; whether it stays open."""
        if not self._is_alone(connection):
            return True
        with self._lock:
            if self._pollers == 0:
                self._ensure_poller()
            if self._pollers == 0:
                return True  # nobody would see another connection come
        descriptor = connection.sock.fileno()
        self._epoll.modify(descriptor, select.EPOLLET)
        while stays := connection.await_request():
            self._served += 1
            if not self._is_alone(connection):
                break
        if stays is False:
            return False
        self._epoll.modify(descriptor, _READABLE)
        return True

    def _accept(self) -> None:
        try:
            while True:
                descriptor, _ = self._listener._accept()  # pyright: ignore[reportAttributeAccessIssue] # noqa: SLF001
                sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
                sock.settimeout(None)  # whatever `socket.setdefaulttimeout` the handler called
                self._connections[descriptor] = Connection(sock, self._answer)
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
        if self._forked:
            os._exit(1)  # the child came back here: with a closed socket, whatever it does next ends the connection
        self._connections.pop(connection.sock.fileno(), None)
        connection.sock.close()


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
    server.watch(stopped)
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


def _quietly(act: Callable[..., object], *arguments: object) -> None:
    try:
        act(*arguments)
    except (OSError, ValueError):
        return

"""HTTP/1.1 messages out of bytes, without I/O: requests on the FC side, responses on the Lambda side.

Strict by RFC 9112: what two parsers could read in two ways is refused, never guessed. A parser owns one buffer.
The caller receives straight into `space()`, tells `received(n)`, and asks `next()` for a message; the body is a
view of that buffer, so that neither a Content-Length body nor a single chunk is copied.
"""

from __future__ import annotations

from runtime.http_head import (
    CHUNKED,
    FIELD_BYTES,
    HEAD_LIMIT,
    UNTIL_CLOSE,
    BadMessageError,
    fields_of,
    requests,
    responses,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.http_head import Message, Reader, Request, Response, Shape


_CHUNK_LINE_LIMIT = 256
_CHUNK_DIGITS = 15
_GROWTH = 1_048_576
_KEPT_SIZES = 16
_LAST = b"\r\n0\r\n\r\n"
"""What follows the data of the last chunk where there are no trailers."""
_HEX = b"0123456789abcdefABCDEF"


class Parser:
    """One direction of one connection; messages come out in order. Not safe for two threads at once."""

    _reader: Reader

    def __init__(self, *, size: int, body_limit: int) -> None:
        """`size`: bytes of the buffer at first. `body_limit`: bytes of a body above which it is refused (413)."""
        self._size = size
        self._data = bytearray(size)
        self._view = memoryview(self._data)
        self._body_limit = body_limit
        self._message: Message | None = None
        self._in_chunks = False
        self._start = 0  # of the head not yet read, or of the body
        self._body_end = 0  # of what is decoded of a chunked body
        self._end = 0  # of what was received
        self._left = 0  # bytes that the current chunk still lacks
        self.grown = False
        """Whether a large message has made the buffer larger than it was at first; see `trim`."""
        self._shape: Shape | None = None  # of the last message's head

    @property
    def empty(self) -> bool:
        """Whether no byte of a further message has come."""
        return self._message is None and self._start == self._end

    @property
    def unfinished(self) -> Message | None:
        """The message whose head is read and whose body is not yet complete."""
        return self._message

    def space(self) -> memoryview:
        """Room to receive into, never empty. Ends the validity of the last message's body."""
        if self._message is None and self._start:
            if self._start == self._end:
                self._start = self._end = 0
                return self._view
            self._to_front()
        if self._end == len(self._data):
            self._grow()
        return self._view[self._end :]

    def received(self, count: int) -> None:
        """Tell how many bytes `space()` got."""
        self._end += count

    def next(self) -> Message | None:
        """The next complete message, or None when bytes are missing. Raises BadMessageError."""
        message = self._message
        if message is None:
            if self._start == self._end:
                return None
            message = self._next_head()
            if message is None:
                return None
        if message.length >= 0:
            stop = self._start + message.length
            if stop > self._end:
                return None
            message.body = self._view[self._start : stop]
            self._start = stop
        elif message.length == UNTIL_CLOSE:
            if self._end - self._start > self._body_limit:
                raise BadMessageError(413, "the body is too large")
            return None
        elif not self._chunks(message):
            return None
        self._message = None
        return message

    def at_eof(self) -> Message | None:
        """The message that the end of the stream completes, if any. Raises BadMessageError when one is cut off."""
        message = self._message
        if message is None or message.length != UNTIL_CLOSE:
            if self.empty:
                return None
            raise BadMessageError(400, "the connection ended inside a message")
        message.body = self._view[self._start : self._end]
        self._start = self._end
        self._message = None
        return message

    def trim(self) -> None:
        """Let go of a buffer that a large body has grown; a body view that is still held keeps its bytes."""
        if len(self._data) <= _KEPT_SIZES * self._size:
            return
        rest = self._view[self._start : self._end]
        if self._message is None and len(rest) < self._size:
            self._data = bytearray(self._size)
            self._view = memoryview(self._data)
            self._view[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
            self.grown = False

    def _to_front(self) -> None:
        rest = self._end - self._start
        self._view[:rest] = self._view[self._start : self._end]
        self._start, self._end = 0, rest

    def _grow(self) -> None:
        size = len(self._data)
        # A declared length earns memory only as its bytes arrive: at most fourfold, or one mebibyte.
        wanted = min(self._missing(), max(3 * size, _GROWTH))
        data = bytearray(max(2 * size, self._end + wanted))
        view = memoryview(data)
        view[: self._end] = self._view[: self._end]
        self._data, self._view = data, view
        self.grown = True

    def _missing(self) -> int:
        if self._message is None:
            return 1
        return self._left if self._message.length < 0 else self._start + self._message.length - self._end

    def _next_head(self) -> Message | None:
        start, end, shape = self._start, self._end, self._shape
        stop = end + 1 if shape is None else start + shape.size
        # What is like a whole head cannot hold the end of an earlier one.
        message = shape.read(self._data, start) if shape is not None and stop <= end else None
        if message is None:
            stop = self._data.find(b"\r\n\r\n", start, end) + 4
            if stop < 4 or stop - start > HEAD_LIMIT + 4:
                self._check_partial_head(start, end)
                return None
            message, self._shape = self._reader.read(bytes(self._view[start:stop]))
        if message.length > self._body_limit:
            raise BadMessageError(413, "the body is too large")
        self._start = stop
        if message.length == CHUNKED:
            self._body_end = stop
            self._in_chunks = False
            self._left = 0
        self._message = message
        return message

    def _check_partial_head(self, start: int, end: int) -> None:
        if end - start > HEAD_LIMIT:
            is_head = self._message is None  # else the trailers of one
            within_first_line = is_head and self._data.find(b"\r\n", start + 2, start + HEAD_LIMIT) < 0
            raise BadMessageError(414 if within_first_line else 431, "the head is too large")
        if self._data.count(b"\n", start, end) != self._data.count(b"\r\n", start, end):
            raise BadMessageError(400, "a bare line feed")

    def _chunks(self, message: Message) -> bool:
        """Decode in place what has come; whether the body is complete. Raw bytes always follow decoded ones."""
        at = self._body_end
        while True:
            if self._left:
                at = self._take(at)
                if self._left:
                    break
            size, after = self._chunk_size(at)
            if not self._in_chunks and self._is_all(after, size):
                message.body = self._view[after : after + size]
                self._start = after + size + len(_LAST)
                return True
            if size == 0:
                after = self._after_trailers(after)
            if after < 0:
                break
            at = after
            if size == 0:
                message.body = self._view[self._start : self._body_end]
                self._start = at
                return True
            self._begin_chunk(at, size)
        rest = self._end - at
        self._view[self._body_end : self._body_end + rest] = self._view[at : self._end]
        self._end = self._body_end + rest
        return False

    def _is_all(self, start: int, size: int) -> bool:
        """Whether a chunk is the whole body and has come to its end: so the Runtime API sends what is over 2 KB."""
        stop = start + size
        if not 0 < size <= self._body_limit or stop + len(_LAST) > self._end:
            return False
        return self._data.startswith(_LAST, stop)

    def _begin_chunk(self, at: int, size: int) -> None:
        if not self._in_chunks:
            self._in_chunks = True
            self._start = self._body_end = at
        if self._body_end - self._start + size > self._body_limit:
            raise BadMessageError(413, "the body is too large")
        self._left = size + 2

    def _take(self, at: int) -> int:
        """Move what has come of the current chunk behind the decoded bytes; where the raw bytes go on."""
        count = min(self._left - 2, self._end - at)
        if count > 0:
            if at != self._body_end:
                self._view[self._body_end : self._body_end + count] = self._view[at : at + count]
            self._body_end += count
            self._left -= count
            at += count
        if self._left == 2 and self._end - at >= 2:
            if self._view[at : at + 2] != b"\r\n":
                raise BadMessageError(400, "a chunk longer than its size")
            self._left = 0
            at += 2
        return at

    def _chunk_size(self, at: int) -> tuple[int, int]:
        """Size of the chunk whose line starts at `at`, and where its data starts (-1: the line is incomplete)."""
        stop = self._data.find(b"\n", at, min(self._end, at + _CHUNK_LINE_LIMIT))
        if stop < 0:
            if self._end - at >= _CHUNK_LINE_LIMIT:
                raise BadMessageError(400, "a chunk line that does not end")
            return -1, -1
        line = bytes(self._view[at:stop])
        size, _, _ = line[:-1].partition(b";")
        if line[-1:] != b"\r" or line[:-1].translate(None, FIELD_BYTES):
            raise BadMessageError(400, "a control character in a chunk line")
        if not size or size.strip(_HEX) or len(size) > _CHUNK_DIGITS:
            raise BadMessageError(400, "malformed chunk size")
        return int(size, 16), stop + 1

    def _after_trailers(self, at: int) -> int:
        """Where the message ends whose trailers start at `at`; -1 when they are incomplete. They are dropped."""
        if at < 0 or self._end - at < 2:
            return -1
        if self._view[at : at + 2] == b"\r\n":
            return at + 2
        stop = self._data.find(b"\r\n\r\n", at, self._end)
        if stop < 0:
            self._check_partial_head(at, self._end)
            return -1
        fields_of(str(self._view[at:stop], "latin-1").split("\r\n"))
        return stop + 4


class RequestParser(Parser):
    _reader = requests

    if TYPE_CHECKING:

        @property
        def unfinished(self) -> Request | None: ...
        def next(self) -> Request | None: ...


class ResponseParser(Parser):
    """Interim responses (1xx) come out as messages of their own."""

    _reader = responses

    if TYPE_CHECKING:

        def next(self) -> Response | None: ...
        def at_eof(self) -> Response | None: ...

"""HTTP/1.1 messages out of bytes, without I/O: requests on the FC side, responses on the Lambda side.

Strict by RFC 9112: what two parsers could read in two ways is refused, never guessed. A parser owns one buffer.
The caller receives straight into `space()`, tells `received(n)`, and asks `next()` for a message; the body is a
view of that buffer, so that neither a Content-Length body nor a single chunk is copied.
"""

from __future__ import annotations

TYPE_CHECKING = False

HEAD_LIMIT = 65_536
"""Bytes of a start line with its header fields; also of a trailer section."""
FIELD_LIMIT = 256
"""Header fields of one message."""
_CHUNK_LINE_LIMIT = 256
_CHUNK_DIGITS = 15
_LENGTH_DIGITS = 18
_GROWTH = 1_048_576
_KEPT_SIZES = 16
_MEMO_FIELDS, _MEMO_LENGTH = 256, 128

CHUNKED = -1
UNTIL_CLOSE = -2

_TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # noqa: S105
_FIELD_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_HEX = b"0123456789abcdefABCDEF"
_ONCE = frozenset({"content-length", "transfer-encoding", "host"})

_memo: dict[str, tuple[str, str]] = {}
"""Header lines seen lately with what they say: most of a head repeats from message to message."""
_names: dict[str, str] = {}
"""Header names seen lately, in lower case."""
_VARYING = frozenset(
    {
        "lambda-runtime-aws-request-id", "lambda-runtime-deadline-ms", "lambda-runtime-invocation-id",
        "lambda-runtime-trace-id", "x-amzn-trace-id", "x-fc-request-id", "x-request-id", "content-length",
    }
)  # fmt: skip
"""Fields that no two messages share; kept, they would drive out those that repeat."""
_heads: dict[str, Response] = {}
"""Short heads of responses seen lately: within one second, all that acknowledge a result are the same."""
_status_lines: dict[str, tuple[int, int]] = {}
_HEADS, _HEAD_LENGTH = 16, 256


class BadMessageError(Exception):
    """What the peer sent is no HTTP/1.1 message that we accept. `status` is the answer a server gives."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Message:
    """Header names are lower-case, repeated fields joined with a comma. `body` is valid until `Parser.space()`."""

    __slots__ = ("body", "headers", "keep_alive", "length", "minor")
    headers: dict[str, str]
    length: int
    """Bytes of the body, or CHUNKED, or UNTIL_CLOSE."""
    keep_alive: bool
    minor: int
    """0 for HTTP/1.0, 1 for HTTP/1.1."""
    body: memoryview

    def _frame(self, minor: int) -> None:
        self.minor = minor
        get = self.headers.get
        connection = get("connection")
        if connection is None:
            self.keep_alive = minor == 1
        else:
            options = [option.strip(" \t") for option in connection.lower().split(",")]
            self.keep_alive = "close" not in options and (minor == 1 or "keep-alive" in options)
        coding = get("transfer-encoding")
        length = get("content-length")
        if coding is not None:
            self.length = _chunked(coding, length, minor)
        elif length is None:
            self.length = 0
        elif length.isascii() and length.isdigit() and len(length) <= _LENGTH_DIGITS:
            self.length = int(length)
        else:
            raise BadMessageError(400, "malformed Content-Length")


class Request(Message):
    __slots__ = ("expects_continue", "method", "target")
    method: str
    target: str
    """As sent: a path that starts with `/` (with its query), an absolute http URL, or `*`."""

    def __init__(self, head: str) -> None:
        line, self.headers = _head(head.removeprefix("\r\n"))
        try:
            self.method, self.target, version = line.split(" ")
        except ValueError:
            raise BadMessageError(400, "malformed request line") from None
        if not is_token(self.method):
            raise BadMessageError(400, "malformed method")
        if not (self.target.isascii() and self.target.isprintable()):
            raise BadMessageError(400, "malformed request target")
        if self.target[:1] != "/" and self.target != "*" and self.target[:7].lower() != "http://":
            raise BadMessageError(400, "unsupported form of request target")
        minor = _minor_version(version)
        if minor == 1 and "host" not in self.headers:
            raise BadMessageError(400, "no Host")
        expectation = self.headers.get("expect")
        self.expects_continue = expectation is not None
        """Whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1)."""
        if expectation is not None and expectation.lower() != "100-continue":
            raise BadMessageError(417, "an expectation other than 100-continue")
        self._frame(minor)


class Response(Message):
    __slots__ = ("status",)
    status: int

    def __init__(self, head: str) -> None:
        line, self.headers = _head(head)
        known = _status_lines.get(line)
        if known is None:
            known = _status_lines[line] = _status(line)
            if len(_status_lines) > _HEADS:
                _status_lines.clear()
        self.status, minor = known
        self._frame(minor)
        if self.status < 200 or self.status in {204, 304}:
            self.length = 0
        elif self.length == 0 and "content-length" not in self.headers:
            self.keep_alive = False
            self.length = UNTIL_CLOSE

    def again(self) -> Response:
        """The same head before its body."""
        copy = Response.__new__(Response)
        copy.headers, copy.length, copy.keep_alive = self.headers, self.length, self.keep_alive
        copy.minor, copy.status = self.minor, self.status
        return copy


class Parser:
    """One direction of one connection; messages come out in order. Not safe for two threads at once."""

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

    def _read_head(self, head: str) -> Message:
        raise NotImplementedError

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

    def _missing(self) -> int:
        if self._message is None:
            return 1
        return self._left if self._message.length < 0 else self._start + self._message.length - self._end

    def _next_head(self) -> Message | None:
        start, end = self._start, self._end
        if start == end:
            return None
        stop = self._data.find(b"\r\n\r\n", start, end)
        if stop < 0 or stop - start > HEAD_LIMIT:
            self._check_partial_head(start, end)
            return None
        message = self._read_head(str(self._view[start:stop], "latin-1"))
        if message.length > self._body_limit:
            raise BadMessageError(413, "the body is too large")
        self._start = self._body_end = stop + 4
        self._in_chunks = False
        self._left = 0
        self._message = message
        return message

    def _check_partial_head(self, start: int, end: int) -> None:
        if end - start > HEAD_LIMIT:
            within_first_line = self._data.find(b"\r\n", start + 2, start + HEAD_LIMIT) < 0
            raise BadMessageError(414 if within_first_line else 431, "the head is too large")
        if self._data.count(b"\n", start, end) != self._data.count(b"\r\n", start, end):
            raise BadMessageError(400, "a bare line feed")

    def _chunks(self, message: Message) -> bool:
        """Decode in place what has come; whether the body is complete. Raw bytes always follow decoded ones."""
        at = self._body_end
        while True:
            at = self._take(at)
            if self._left:
                break
            size, after = self._chunk_size(at)
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
        if line[-1:] != b"\r" or line[:-1].translate(None, _FIELD_BYTES):
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
        _fields(str(self._view[at:stop], "latin-1").split("\r\n"))
        return stop + 4


class RequestParser(Parser):
    def _read_head(self, head: str) -> Message:
        return Request(head)

    if TYPE_CHECKING:

        @property
        def unfinished(self) -> Request | None: ...
        def next(self) -> Request | None: ...


class ResponseParser(Parser):
    """Interim responses (1xx) come out as messages of their own."""

    def _read_head(self, head: str) -> Message:
        known = _heads.get(head)
        if known is not None:
            return known.again()
        response = Response(head)
        if len(head) <= _HEAD_LENGTH:
            if len(_heads) >= _HEADS:
                _heads.clear()
            _heads[head] = response.again()
        return response

    if TYPE_CHECKING:

        def next(self) -> Response | None: ...
        def at_eof(self) -> Response | None: ...


def is_token(text: str) -> bool:
    """Whether `text` may be a field name or a method (RFC 9110, 5.6.2)."""
    return text != "" and not text.strip(_TOKEN_CHARS)


def is_field_value(text: str) -> bool:
    """Whether `text` may be sent as a field value: Latin-1 without control characters."""
    try:
        return not text.encode("latin-1").translate(None, _FIELD_BYTES)
    except UnicodeEncodeError:
        return False


def _head(head: str) -> tuple[str, dict[str, str]]:
    line, *lines = head.split("\r\n")
    if len(lines) >= FIELD_LIMIT:
        raise BadMessageError(431, "too many header fields")
    if not line.isprintable():
        raise BadMessageError(400, "a control character in the start line")
    return line, _fields(lines)


def _fields(lines: list[str]) -> dict[str, str]:
    pairs = [_memo.get(line) or _field(line) for line in lines]
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _joined(pairs)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    key = _names.get(name)
    if key is None or not colon:
        key = _field_name(name, colon)
    if not (line.isprintable() or is_field_value(value)):
        raise BadMessageError(400, "a control character in a header")
    field = key, value.strip(" \t")
    if key not in _VARYING and len(line) <= _MEMO_LENGTH:
        if len(_memo) >= _MEMO_FIELDS:
            _memo.clear()
        _memo[line] = field
    return field


def _field_name(name: str, colon: str) -> str:
    if not colon or not is_token(name):
        raise BadMessageError(400, "malformed header name")
    key = name.lower()
    if len(name) <= _MEMO_LENGTH:
        if len(_names) >= _MEMO_FIELDS:
            _names.clear()
        _names[name] = key
    return key


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif name in _ONCE:
            raise BadMessageError(400, f"more than one {name}")
        else:
            fields[name] += f"{'; ' if name == 'cookie' else ','}{value}"
    return fields


def _chunked(coding: str, length: str | None, minor: int) -> int:
    if length is not None:
        raise BadMessageError(400, "both Content-Length and Transfer-Encoding")
    if minor == 0:
        raise BadMessageError(400, "Transfer-Encoding in HTTP/1.0")
    if coding.lower() != "chunked":
        raise BadMessageError(501, "a transfer coding other than chunked")
    return CHUNKED


def _status(line: str) -> tuple[int, int]:
    """Status and minor version of a status line."""
    code = line[9:12]
    if line[8:9] != " " or line[12:13] not in {"", " "} or not (code.isascii() and code.isdigit() and code >= "100"):
        raise BadMessageError(502, "malformed status line")
    return int(code), _minor_version(line[:8])


def _minor_version(version: str) -> int:
    if version == "HTTP/1.1":
        return 1
    if version == "HTTP/1.0":
        return 0
    status = 505 if version[:5] == "HTTP/" and len(version) == 8 else 400
    raise BadMessageError(status, "a protocol version other than HTTP/1.1 and HTTP/1.0")

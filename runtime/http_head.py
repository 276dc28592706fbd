"""Start line and header fields of an HTTP/1.1 message: what they say, read strictly and no more often than needed.

Most of a head repeats from message to message. A `_Shape` remembers the last head of each length: a new one that
differs only in fields such as the request id is that head with other values, and need not be taken apart.
"""

from __future__ import annotations

from _struct import Struct  # now: a function that has run out of descriptors could not when it is first needed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    _Parts = tuple[Callable[[bytes | bytearray, int], tuple[bytes, ...]], tuple[bytes, ...], list[str]]
    """Cuts a head into what stays the same and values, in turns; what stays the same; keys of the values."""

HEAD_LIMIT = 65_536
"""Bytes of a start line with its header fields; also of a trailer section."""
FIELD_LIMIT = 256
"""Header fields of one message."""
CHUNKED = -1
UNTIL_CLOSE = -2

_LENGTH_DIGITS = 18
_MEMO_FIELDS, _MEMO_LENGTH = 256, 128
_SHAPES, _SHAPE_LENGTH = 32, 8_192
_TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # noqa: S105
FIELD_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_ONCE = frozenset({"content-length", "transfer-encoding", "host"})
_BODILESS = frozenset({204, 304})

_new = object.__new__
_memo: dict[str, tuple[str, str]] = {}
"""Header lines seen lately with what they say."""
_names: dict[str, str] = {}
"""Header names seen lately, in lower case."""
_VARYING = frozenset(
    {
        "lambda-runtime-aws-request-id", "lambda-runtime-deadline-ms", "lambda-runtime-invocation-id",
        "lambda-runtime-trace-id", "x-amzn-trace-id", "x-fc-request-id", "x-request-id", "content-length",
    }
)  # fmt: skip
"""Fields that no two messages share; kept as lines, they would drive out those that repeat."""


class BadMessageError(Exception):
    """What the peer sent is no HTTP/1.1 message that we accept. `status` is the answer a server gives."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Message:
    """Header names are lower-case, repeated fields joined with a comma. `body` is valid until `Parser.space()`."""

    __slots__ = ("body", "headers", "keep_alive", "length", "minor", "shared")
    headers: dict[str, str]
    length: int
    """Bytes of the body, or CHUNKED, or UNTIL_CLOSE."""
    keep_alive: bool
    minor: int
    """0 for HTTP/1.0, 1 for HTTP/1.1."""
    body: memoryview
    shared: dict[str, Any]
    """What readers worked out from the fields other than those in which heads of one shape differ."""

    def _frame(self, minor: int) -> None:
        self.minor = minor
        self.shared = {}
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

    def again(self, headers: dict[str, str]) -> Message:
        """The same head with other values in `headers`, and no body yet."""
        raise NotImplementedError


class Request(Message):
    __slots__ = ("expects_continue", "method", "target")
    method: str
    target: str
    """As sent: a path that starts with `/` (with its query), an absolute http URL (whose host is then the one in
    `headers`), or `*`."""

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
        minor = _minor_version(version)
        if minor == 1 and "host" not in self.headers:
            raise BadMessageError(400, "no Host")
        if self.target[:1] != "/" and self.target != "*":
            # It counts, whatever the field says (RFC 9112, 3.2.2).
            self.headers["host"] = _authority(self.target)
        # A client of HTTP/1.0 would take the interim answer for the final one (RFC 9110, 10.1.1).
        expectation = self.headers.get("expect") if minor == 1 else None
        self.expects_continue = expectation is not None
        """Whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1)."""
        if expectation is not None and expectation.lower() != "100-continue":
            raise BadMessageError(417, "an expectation other than 100-continue")
        self._frame(minor)

    def again(self, headers: dict[str, str]) -> Request:
        copy = _new(Request)
        copy.headers, copy.length, copy.keep_alive = headers, self.length, self.keep_alive
        copy.minor, copy.shared = self.minor, self.shared
        copy.method, copy.target, copy.expects_continue = self.method, self.target, self.expects_continue
        return copy


class Response(Message):
    __slots__ = ("status",)
    status: int

    def __init__(self, head: str) -> None:
        line, self.headers = _head(head)
        self.status, minor = _status(line)
        self._frame(minor)
        if self.status < 200 or self.status in _BODILESS:
            self.length = 0
        elif self.length == 0 and "content-length" not in self.headers:
            self.keep_alive = False
            self.length = UNTIL_CLOSE

    def again(self, headers: dict[str, str]) -> Response:
        copy = _new(Response)
        copy.headers, copy.length, copy.keep_alive = headers, self.length, self.keep_alive
        copy.minor, copy.shared, copy.status = self.minor, self.shared, self.status
        return copy


class Shape:
    """A head that was accepted, and where heads like it may differ."""

    __slots__ = ("_head", "_message", "_parts", "_sized", "size")

    def __init__(self, head: bytes, message: Message) -> None:
        self._head = head
        self.size = len(head)
        """Bytes of such a head, with the empty line that ends it."""
        # Without the body, which is in a buffer that must not be kept.
        self._message = message.again(message.headers)
        self._parts: _Parts | None = None
        self._sized = False

    def read(self, data: bytes | bytearray, start: int) -> Message | None:
        """What taking the head at `start`, of the same size, apart would give; None where only that can tell."""
        cut, fixed, keys = self._parts or self._split()
        pieces = cut(data, start)
        if pieces[::2] != fixed:
            return None
        headers = self._message.headers.copy()
        if keys:
            text = str(b" ".join(pieces[1::2]), "latin-1")
            values = text.split(" ")
            # Blanks might be around a value, and are not part of it then.
            if len(values) != len(keys) or not text.isprintable():
                return None
            for key, value in zip(keys, values):  # noqa: B905 - `strict` costs more than the loop
                headers[key] = value
        message = self._message.again(headers)
        if self._sized:
            length = headers["content-length"]
            if not length.isdecimal():
                return None
            message.length = int(length)
        return message

    def _split(self) -> _Parts:
        sizes: list[int] = []
        keys: list[str] = []
        begun = stop = 0
        for line in str(self._head, "latin-1").split("\r\n"):
            name, colon, value = line.partition(": ")
            start, stop = stop + len(name) + len(colon), stop + len(line) + 2
            key = name.lower()
            if key in _VARYING and self._may_vary(key, value):
                sizes += [start - begun, len(value)]
                begun = stop - 2
                keys.append(key)
        sizes.append(self.size - begun)
        cut = Struct("".join(f"{size}s" for size in sizes)).unpack_from
        self._sized = "content-length" in keys
        self._parts = parts = cut, cut(self._head, 0)[::2], keys
        return parts

    def _may_vary(self, key: str, value: str) -> bool:
        """Whether `value` is all that the head says of `key`, and for a length, whether it is the body's."""
        if not value or " " in value or self._message.headers.get(key) != value:
            return False
        return key != "content-length" or 0 < self._message.length == int(value)


class Reader:
    """Makes messages of heads, with the help of those that came before."""

    def __init__(self, parse: Callable[[str], Message]) -> None:
        self._parse = parse
        self._shapes: dict[int, Shape] = {}

    def read(self, head: bytes) -> tuple[Message, Shape | None]:
        """The message without its body, and the shape that heads like it have; `head` ends in an empty line.

        Raises BadMessageError.
        """
        shape = self._shapes.get(len(head))
        message = None if shape is None else shape.read(head, 0)
        if message is None:
            message = self._parse(str(head[:-4], "latin-1"))
            shape = self._remember(head, message) if len(head) <= _SHAPE_LENGTH else None
        return message, shape

    def _remember(self, head: bytes, message: Message) -> Shape:
        if len(self._shapes) >= _SHAPES:
            self._shapes.clear()
        shape = self._shapes[len(head)] = Shape(head, message)
        return shape


requests = Reader(Request)
responses = Reader(Response)


def _authority(target: str) -> str:
    """Host and port of an absolute http URL (RFC 9110, 4.2: neither without a host nor with user information)."""
    authority = target[7:].replace("?", "/").partition("/")[0]
    if target[:7].lower() != "http://" or not authority or "@" in authority:
        raise BadMessageError(400, "unsupported form of request target")
    return authority


def is_token(text: str) -> bool:
    """Whether `text` may be a field name or a method (RFC 9110, 5.6.2)."""
    return text != "" and not text.strip(_TOKEN_CHARS)


def is_field_value(text: str) -> bool:
    """Whether `text` may be sent as a field value: Latin-1 without control characters."""
    try:
        return not text.encode("latin-1").translate(None, FIELD_BYTES)
    except UnicodeEncodeError:
        return False


def fields_of(lines: list[str]) -> dict[str, str]:
    """Header or trailer fields. Raises BadMessageError."""
    pairs = [_memo.get(line) or _field(line) for line in lines]
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _joined(pairs)


def _head(head: str) -> tuple[str, dict[str, str]]:
    line, *lines = head.split("\r\n")
    if len(lines) >= FIELD_LIMIT:
        raise BadMessageError(431, "too many header fields")
    if not line.isprintable():
        raise BadMessageError(400, "a control character in the start line")
    return line, fields_of(lines)


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

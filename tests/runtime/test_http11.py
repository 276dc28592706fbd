"""The parser alone: every framing rule, and any split of the bytes.

Does not prove that a cloud's gateway sends only what is accepted here.
"""

from __future__ import annotations

import pytest

from runtime.http11 import Parser, RequestParser, ResponseParser
from runtime.http_head import HEAD_LIMIT, BadMessageError, Message

LIMIT = 100_000


def feed(parser: Parser, data: bytes, step: int | None = None) -> list[tuple[Message, bytes]]:
    """All messages in `data`, given in pieces of at most `step` bytes."""
    messages = []
    while data:
        space = parser.space()
        count = min(len(space), len(data), step or len(data))
        space[:count] = data[:count]
        data = data[count:]
        parser.received(count)
        while (message := parser.next()) is not None:
            messages.append((message, bytes(message.body)))
    return messages


def request(data: bytes, step: int | None = None, size: int = 64) -> list[tuple[Message, bytes]]:
    return feed(RequestParser(size=size, body_limit=LIMIT), data, step)


def verdict(data: bytes) -> int:
    """0 for a complete request, -1 for one that needs more bytes, else the status of the refusal."""
    try:
        return 0 if request(data, size=8192) else -1
    except BadMessageError as refusal:
        return refusal.status


GET = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


def test_a_request():
    [(message, body)] = request(
        POST + b"X-One:  a b\t\r\nx-one: c\r\nCookie: a=1\r\ncookie: b=2\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert (message.method, message.target, message.keep_alive) == ("POST", "/", True)
    assert message.headers == {"host": "x", "x-one": "a b,c", "cookie": "a=1; b=2", "content-length": "3"}
    assert body == b"abc"


CHUNKED = POST + b"Transfer-Encoding: Chunked\r\n\r\n"
PIPELINE = (
    GET
    + POST
    + b"Content-Length: 5\r\n\r\nhello"
    + CHUNKED
    + b"3;e=1\r\nabc\r\n1\r\nd\r\n00\r\nT: 1\r\nU: 2\r\n\r\n"
    + GET
)


@pytest.mark.parametrize("step", [*range(1, 40), 1000])
@pytest.mark.parametrize("size", [1, 7, 64, 8192])
def test_pipelined_messages_in_any_pieces(step, size):
    messages = request(PIPELINE, step, size)
    assert [body for _, body in messages] == [b"", b"hello", b"abcd", b""]
    assert [message.method for message, _ in messages] == ["GET", "POST", "POST", "GET"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 0),
        (b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 0),
        (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\t HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b" / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 0),
        (b"GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET http://?a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET https://x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0),
        (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / http/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\xff\xa0\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\tc\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\xc9: b\r\n\r\n", 400),
        (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (POST + b"Content-Length: 1, 1\r\n\r\na", 400),
        (POST + b"Content-Length: +1\r\n\r\na", 400),
        (POST + b"Content-Length: -1\r\n\r\na", 400),
        (POST + b"Content-Length: 0_1\r\n\r\na", 400),
        (POST + b"Content-Length: 0x1\r\n\r\na", 400),
        (POST + b"Content-Length: \r\n\r\n", 400),
        (POST + b"Content-Length: \xb2\r\n\r\n", 400),
        (POST + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n", 400),
        (POST + b"Content-Length: 001\r\n\r\na", 0),
        (POST + b"Content-Length: 100001\r\n\r\n", 413),
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
        (POST + b"Transfer-Encoding: \r\n\r\n", 501),
        (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED + b"0\r\n\r\n", 0),
        (CHUNKED + b"1\r\na\r\n0\r\n\r\n", 0),
        (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400),
        (CHUNKED + b"1\r\na\n0\r\n\r\n", 400),
        (CHUNKED + b"1\r\naXX0\r\n\r\n", 400),
        (CHUNKED + b"1\na\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n", 400),
        (CHUNKED + b"0x1\r\na\r\n", 400),
        (CHUNKED + b"+1\r\na\r\n", 400),
        (CHUNKED + b" 1\r\na\r\n", 400),
        (CHUNKED + b"1 \r\na\r\n", 400),
        (CHUNKED + b"1_0\r\na\r\n", 400),
        (CHUNKED + b"-1\r\na\r\n", 400),
        (CHUNKED + b"1" * 16 + b"\r\n", 400),
        (CHUNKED + b"1;" + b"x" * 300, 400),
        (CHUNKED + b"1;a=\x00\r\na\r\n", 400),
        (CHUNKED + b"186a1\r\n", 413),
        (CHUNKED + b"ffff\r\n" + b"a" * 65535 + b"\r\nffff\r\n", 413),
        (CHUNKED + b"0\r\nbad trailer\r\n\r\n", 400),
        (CHUNKED + b"0\r\nA: b\n\r\n\r\n", 400),
        (CHUNKED + b"0\r\nA: " + b"a" * HEAD_LIMIT, 431),
        (POST + b"Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na", 0),
        (POST + b"Expect: wonders\r\nContent-Length: 1\r\n\r\na", 417),
        (b"POST / HTTP/1.0\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\na", 0),
        (b"GET /" + b"a" * HEAD_LIMIT, 414),
        (GET[:-2] + b"A: " + b"a" * HEAD_LIMIT, 431),
        (GET[:-2] + b"A: " + b"a" * HEAD_LIMIT + b"\r\n\r\n", 431),
        (GET[:-2] + b"a: b\r\n" * 10_000 + b"\r\n", 431),
        (GET[:-2] + b"a: b\r\n" * 300 + b"\r\n", 431),
        (GET[:-2], -1),
        (POST + b"Content-Length: 2\r\n\r\na", -1),
        (CHUNKED + b"2\r\na", -1),
        (CHUNKED + b"1\r\na\r\n0\r\n", -1),
    ],
)
def test_verdicts(data, status):
    assert verdict(data) == status


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: Upgrade, CLOSE\r\n", False),
        (b"1.1", b"Connection: keep-alive\r\n", True),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_keep_alive(version, connection, kept):
    [(message, _)] = request(b"GET / HTTP/%b\r\nHost: x\r\n%b\r\n" % (version, connection))
    assert message.keep_alive is kept


def response(data: bytes, *, eof: bool = False) -> list[tuple[int, bytes, bool]]:
    parser = ResponseParser(size=64, body_limit=LIMIT)
    messages = [(message.status, body, message.keep_alive) for message, body in feed(parser, data)]
    if eof and (last := parser.at_eof()) is not None:
        messages.append((last.status, bytes(last.body), last.keep_alive))
    return messages


def test_responses():
    assert response(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab") == [(200, b"ab", True)]
    assert response(b"HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n") == [(202, b"", True)]
    assert response(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na") == [(200, b"a", False)]
    assert response(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n") == [(100, b"", True), (204, b"", True)]
    assert response(b"HTTP/1.1 200 OK\r\n\r\nuntil the end") == []
    assert response(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", eof=True) == [(200, b"until the end", False)]
    assert response(b"", eof=True) == []


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/3.0 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (LIMIT + 1),
    ],
)
def test_broken_responses(data):
    with pytest.raises(BadMessageError):
        response(data, eof=True)


def test_a_body_is_not_copied():
    parser = ResponseParser(size=4096, body_limit=LIMIT)
    for head in (b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n"):
        space = parser.space()
        data = b"HTTP/1.1 200 OK\r\n" + head + b"a" * 1000 + b"\r\n0\r\n\r\n"
        data = data[: data.index(b"aaa") + 1000] if b"Length" in head else data
        space[: len(data)] = data
        parser.received(len(data))
        message = parser.next()
        assert message is not None
        space[data.index(b"aaa")] = ord("b")
        assert message.body[0] == ord("b")


def test_a_declared_length_earns_no_memory():
    parser = RequestParser(size=8192, body_limit=1 << 40)
    feed(parser, POST + b"Content-Length: 1000000000\r\n\r\n")
    assert len(parser.space()) < 10_000
    feed(parser, CHUNKED[: len(POST)])
    parser = RequestParser(size=8192, body_limit=1 << 40)
    feed(parser, CHUNKED + b"ffffffff\r\n" + b"a" * 20_000)
    assert len(parser.space()) < 2_000_000


def test_small_chunks_do_not_pile_up():
    parser = RequestParser(size=8192, body_limit=1 << 40)
    [(_, body)] = feed(parser, CHUNKED + b"1\r\na\r\n" * 200_000 + b"0\r\n\r\n", 4000)
    assert body == b"a" * 200_000
    assert len(parser.space()) < 1_500_000


def test_a_grown_buffer_is_let_go_and_a_held_body_keeps_its_bytes():
    parser = RequestParser(size=1024, body_limit=1 << 40)
    data = POST + b"Content-Length: 50000\r\n\r\n" + b"a" * 50_000
    space = parser.space()
    parser.received(0)
    sent = 0
    message = None
    while message is None:
        space = parser.space()
        count = min(len(space), len(data) - sent)
        space[:count] = data[sent : sent + count]
        sent += count
        parser.received(count)
        message = parser.next()
    parser.trim()
    assert len(parser.space()) == 1024
    assert bytes(message.body) == b"a" * 50_000

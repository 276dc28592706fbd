"""The parser beside h11 and httptools (llhttp): whatever it accepts, they read alike or refuse.

A run tries a fixed number of random messages; it prints its seed, and FUZZ_SEED=<seed> repeats it. Does not prove that
a cloud's gateway sends only what is accepted here.
"""

from __future__ import annotations

import os
import secrets

import h11
import httptools
import pytest
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st

from runtime.http11 import ResponseParser
from tests.runtime.test_http11 import LIMIT, PIPELINE, BadMessageError, feed, request

SEED = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(1 << 32))
BUDGET = 1500
"""Messages of each kind in one run."""


@pytest.fixture(scope="module", autouse=True)
def told(request):
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f" FUZZ_SEED={SEED} ", end="", flush=True)


def h11_reads(data: bytes) -> list[tuple[bytes, bytes, bytes]] | None:
    """(method, target, body) of the complete requests in `data`; None when h11 refuses."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    requests, body = [], b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                current, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                requests.append((current.method, current.target, body))
                if connection.our_state is h11.MUST_CLOSE or connection.their_state is not h11.DONE:
                    return requests
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return requests
                connection.start_next_cycle()
            else:
                return requests
    except h11.RemoteProtocolError:
        return None


class HttptoolsRequest:
    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes, bytes]] = []

    def on_message_begin(self) -> None:
        self.url = self.body = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.requests.append((self.parser.get_method(), self.url, self.body))


def httptools_reads(data: bytes) -> list[tuple[bytes, bytes, bytes]] | None:
    protocol = HttptoolsRequest()
    protocol.parser = httptools.HttpRequestParser(protocol)
    try:
        protocol.parser.feed_data(data)
    except httptools.HttpParserError:
        return None
    return protocol.requests


def ours(data: bytes) -> list[tuple[bytes, bytes, bytes]] | None:
    try:
        return [(m.method.encode(), m.target.encode(), body) for m, body in request(data, size=8192)]
    except BadMessageError:
        return None


PIECES = st.sampled_from(
    [b"GET ", b"POST ", b"/", b"/a?b ", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ",
     b"\t", b"\x00",
     b"Host: x", b"Host", b":", b"Content-Length: 3", b"content-length: 0", b"Content-Length:", b"3", b"+3", b"0x3",
     b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"transfer-encoding : chunked", b"chunked", b"abc",
     b"3\r\nabc\r\n",
     b"0\r\n\r\n", b"0\r\n", b";x=y", b"Connection: close", b"X: \xff", b"Expect: 100-continue", b"\r\nX: y\r\n"]
)  # fmt: skip
BODIES = st.sampled_from(
    [b"\r\n", b"Content-Length: 3\r\n\r\nabc", b"Content-Length: 3\r\n\r\nab",
     b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\nT: u\r\n\r\n",
     b"Transfer-Encoding: chunked\r\n\r\n4\r\nabc\r\n0\r\n\r\n"]
)  # fmt: skip
NEARLY = st.builds(
    lambda start, noise, rest: b"".join([start, *noise, *rest]),
    st.sampled_from([b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST /p HTTP/1.1\r\nhost: x\r\n", b"", b"PUT / HTTP/1.0\r\n"]),
    st.lists(PIECES, max_size=3),
    st.lists(BODIES | PIECES, max_size=4),
)


@seed(SEED)
@settings(max_examples=BUDGET, deadline=None, database=None)
@given(NEARLY | st.lists(PIECES, max_size=12).map(b"".join) | st.binary(max_size=60))
@example(PIPELINE)
def test_whatever_is_accepted_reads_the_same_elsewhere(data):
    """Smuggling needs two readings of the same bytes: what we accept, h11 reads alike or refuses; so does llhttp."""
    mine = ours(data)
    if not mine:
        return
    for other in (h11_reads(data), httptools_reads(data)):
        if other is not None:
            shared = min(len(mine), len(other))
            assert mine[:shared] == other[:shared]


TOKENS = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12).filter(
    lambda name: name.lower() not in {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade"}
)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)
GOOD = st.builds(
    lambda method, path, fields, body, chunks: (method, path, fields, body, chunks),
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]),
    st.text("abc/?&=%20._~-", max_size=20).map(lambda text: "/" + text),
    st.lists(st.tuples(TOKENS, VALUES), max_size=8),
    st.binary(max_size=300),
    st.none() | st.lists(st.integers(1, 50), max_size=5),
)


def written(method, path, fields, body, chunks) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: example.org\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
    if chunks is None:
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    parts = []
    for size in chunks:
        if body[:size]:
            parts.append(b"%X\r\n%b\r\n" % (len(body[:size]), body[:size]))
            body = body[size:]
    if body:
        parts.append(b"%x\r\n%b\r\n" % (len(body), body))
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + b"".join(parts) + b"0\r\n\r\n"


@seed(SEED)
@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(GOOD, min_size=1, max_size=3), st.integers(1, 400), st.sampled_from([1, 16, 8192]))
def test_every_good_request_is_read_as_written(messages, step, size):
    data = b"".join(written(*message) for message in messages)
    read = request(data, step, size)
    assert [(m.method, m.target, body) for m, body in read] == [(m[0], m[1], m[3]) for m in messages]
    for (message, _), (_, _, fields, _, _) in zip(read, messages, strict=True):
        for name, value in fields:
            assert value in message.headers[name.lower()]
    judged = h11_reads(data)
    if judged is not None and len(judged) == len(messages):
        assert judged == [(m[0].encode(), m[1].encode(), m[3]) for m in messages]


def h11_reads_responses(data: bytes) -> list[tuple[int, bytes]] | None:
    """(status, body) of the final responses in `data`, after which the connection ends; None when h11 refuses."""
    responses: list[tuple[int, bytes]] = []
    connection = asked()
    connection.receive_data(data)
    connection.receive_data(b"")
    status, body = 0, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status, body = event.status_code, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                responses.append((status, body))
                rest, _ = connection.trailing_data
                if connection.their_state is not h11.DONE or not rest:
                    return responses
                connection = asked()
                connection.receive_data(rest)
                connection.receive_data(b"")
            elif not isinstance(event, h11.InformationalResponse):
                return responses
    except h11.RemoteProtocolError:
        return responses or None


def asked() -> h11.Connection:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    return connection


class HttptoolsResponse:
    def __init__(self) -> None:
        self.responses: list[tuple[int, bytes]] = []

    def on_message_begin(self) -> None:
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status >= 200:
            self.responses.append((status, self.body))


def httptools_reads_responses(data: bytes) -> list[tuple[int, bytes]] | None:
    protocol = HttptoolsResponse()
    protocol.parser = httptools.HttpResponseParser(protocol)
    try:
        protocol.parser.feed_data(data)
    except httptools.HttpParserError:
        return None
    return protocol.responses


def our_responses(data: bytes, *, end: bool, step: int | None = None) -> list[tuple[int, bytes]] | None:
    parser = ResponseParser(size=64, body_limit=LIMIT)
    try:
        found = [(message.status, body) for message, body in feed(parser, data, step)]
        last = parser.at_eof() if end and not parser.empty else None
    except BadMessageError:
        return None
    if last is not None:
        found.append((last.status, bytes(last.body)))
    return [(status, body) for status, body in found if status >= 200]


LINES = st.sampled_from(
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 202 \r\n", b"HTTP/1.1 202\r\n", b"HTTP/1.1 413 Too Large\r\n",
     b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 304 Not Modified\r\n",
     b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 202 OK\r\n",
     b"HTTP/1.1  200 OK\r\n", b"HTTP/1.1 99 OK\r\n", b"HTTP/1.1 2000 OK\r\n", b"HTTP/2.0 200 OK\r\n",
     b"http/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\n", b"HTTP/1.1 +20 OK\r\n", b"\r\nHTTP/1.1 200 OK\r\n"]
)  # fmt: skip
FIELDS = st.sampled_from(
    [b"Content-Length: 3\r\n", b"content-length: 0\r\n", b"Content-Length: 4\r\n", b"Content-Length: 3, 3\r\n",
     b"Content-Length: +3\r\n", b"Content-Length: 0x3\r\n", b"Content-Length:\r\n", b"Transfer-Encoding: chunked\r\n",
     b"Transfer-Encoding: gzip\r\n", b"transfer-encoding : chunked\r\n", b"Connection: close\r\n",
     b"Lambda-Runtime-Aws-Request-Id: a\r\n", b"X: \xff\r\n", b"X: a\x00b\r\n", b" folded\r\n", b"X\r\n", b"X: y\n"]
)  # fmt: skip
CONTENT = st.sampled_from(
    [b"\r\n", b"\r\nabc", b"\r\nab", b"\r\n3\r\nabc\r\n0\r\n\r\n", b"\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\nT: u\r\n\r\n",
     b"\r\n4\r\nabc\r\n0\r\n\r\n", b"\r\n3\r\nabc\r\n", b"\r\n03\r\nabc\r\n0\r\n\r\n", b"\r\n-3\r\nabc\r\n",
     b"\r\n3\nabc\r\n0\r\n\r\n"]
)  # fmt: skip
RESPONSES = st.lists(
    st.builds(lambda line, fields, body: line + b"".join(fields) + body, LINES, st.lists(FIELDS, max_size=3), CONTENT),
    min_size=1,
    max_size=3,
).map(b"".join)
FRAMED = st.sampled_from(
    [b"Content-Length: 3\r\n\r\nabc", b"content-length: 0\r\n\r\n", b"Connection: close\r\nContent-Length: 1\r\n\r\na",
     b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
     b"Transfer-Encoding: CHUNKED\r\nX: y\r\n\r\n1;x=y\r\na\r\n0A\r\n0123456789\r\n0\r\nT: u\r\n\r\n"]
)  # fmt: skip
RIGHT_LINES = st.sampled_from(
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 202\r\n", b"HTTP/1.1 413 Too Large\r\n", b"HTTP/1.1 204 No Content\r\n",
     b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"]
)  # fmt: skip
RIGHT_FIELDS = st.sampled_from([b"", b"", b"X: \xff\r\n", b"Lambda-Runtime-Aws-Request-Id: a\r\n", b"X:\t y \t\r\n"])
WHOLE = st.lists(
    st.builds(lambda *parts: b"".join(parts), RIGHT_LINES, RIGHT_FIELDS | FIELDS, FRAMED), min_size=1, max_size=4
).map(b"".join)
MUTATED = st.builds(
    lambda data, at, piece, cut: data[: at % (len(data) + 1)] + piece + data[at % (len(data) + 1) + cut :],
    RESPONSES | WHOLE,
    st.integers(0, 400),
    st.binary(max_size=3),
    st.integers(0, 3),
)


@seed(SEED)
@settings(max_examples=BUDGET, deadline=None, database=None)
@given(RESPONSES | WHOLE | MUTATED | st.binary(max_size=60), st.integers(1, 50))
def test_whatever_response_is_accepted_reads_the_same_elsewhere(data, step):
    """What two readers take for two answers, an attacker could make of one; whole or in pieces, ours is one."""
    mine = our_responses(data, end=True)
    assert our_responses(data, end=True, step=step) == mine, "the verdict does not hang on how the bytes came"
    if not mine:
        return
    judged = h11_reads_responses(data)
    if judged is not None:
        shared = min(len(mine), len(judged))
        assert mine[:shared] == judged[:shared]
    open_ended = our_responses(data, end=False) or []
    judged = httptools_reads_responses(data)
    if judged is not None:
        shared = min(len(open_ended), len(judged))
        assert open_ended[:shared] == judged[:shared]

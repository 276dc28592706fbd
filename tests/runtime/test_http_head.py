"""Heads read with the help of earlier ones say the same as heads taken apart, whatever differs between them."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.http_head import BadMessageError, Message, Reader, Request, Response

REQUESTS = [
    (
        "POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nx-fc-request-id: 1-66f0-abcdef\r\n"
        "X-Fc-Region: cn-hangzhou\r\nContent-Length: 83\r\nConnection: keep-alive"
    ),
    "GET /a HTTP/1.0\r\nX-Request-Id:a\r\nX-Amzn-Trace-Id: Root=1;Parent=2\r\nContent-Length: 0",
    "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nx-request-id: a\r\nX-Request-Id: b\r\ncontent-length: 7",
    "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nx-request-id:  a \r\nconnection: close",
]
RESPONSES = [
    (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8\r\n"
        "Lambda-Runtime-Deadline-Ms: 1700000000000\r\nLambda-Runtime-Trace-Id: Root=1-5bef;Sampled=1\r\n"
        "Lambda-Runtime-Invocation-Id: n1\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Length: 83"
    ),
    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nX-Request-Id: 1",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nX-Request-Id: 1",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Request-Id: 1",
    "HTTP/1.1 200 OK\r\nX-Request-Id: 1\r\nConnection: close",
]
CHANGES = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from("0123456789abcXY:;=, \t\r\n\x00\x7f\x85\xa0\xad\xb2é")), max_size=3
)


def told(read, head: str) -> object:
    """All that a head says, or the status of its refusal."""
    try:
        message: Message = read(head)
    except BadMessageError as refusal:
        return refusal.status
    names = ("headers", "length", "keep_alive", "minor", "method", "target", "expects_continue", "status")
    return [(name, getattr(message, name, None)) for name in names]


def read_by(reader: Reader):
    """The reader, for a head without the empty line that ends it."""
    return lambda head: reader.read(f"{head}\r\n\r\n".encode("latin-1"))[0]


@settings(max_examples=3000, deadline=None)
@given(st.sampled_from([(Request, head) for head in REQUESTS] + [(Response, head) for head in RESPONSES]), CHANGES)
@example((Response, RESPONSES[1]), [(40, "5")])
@example((Response, RESPONSES[3]), [(33, "7")])
def test_a_head_like_the_last_one_says_what_it_says_alone(known, changes):
    parse, head = known
    read = read_by(Reader(parse))
    told(read, head)
    characters = list(head)
    for position, character in changes:
        characters[position % len(head)] = character
    changed = "".join(characters)
    assert told(read, changed) == told(parse, changed)
    assert told(read, head) == told(parse, head)


def test_only_what_may_differ_is_read_anew():
    read = read_by(Reader(Response))
    first = read(RESPONSES[0])
    first.shared["known"] = True
    second = read(RESPONSES[0].replace("8476a536", "00000000").replace(": 83", ": 11"))
    assert second.shared == {"known": True}
    assert (first.length, second.length) == (83, 11)
    assert first.headers["lambda-runtime-aws-request-id"] != second.headers["lambda-runtime-aws-request-id"]
    other = read(RESPONSES[0].replace("22 Nov", "23 Nov"))
    assert other.shared == {}


def test_what_is_remembered_is_bounded():
    reader = Reader(Request)
    for size in range(200):
        read_by(reader)(f"GET /{'a' * size} HTTP/1.1\r\nHost: x")
    assert len(reader._shapes) <= 32

"""A client's connection to an FC instance: framing, pipelines, refusals, limits, slow, half-closed and lost clients.

Every way to frame a message is in test_http11.py. Does not prove which of these clients Alibaba's gateway lets through.
"""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.runtime.conftest import RAW


@pytest.fixture(scope="module")
def stalled(shared_fc):
    """From the first test on, two connections: one that was used once and idles, and one whose head never ends.

    A call that gives what the latter received, the seconds until it was cut, and the idle one.
    """
    idle, sock = shared_fc.connect(), shared_fc.connect()
    assert shared_fc.call_on(shared_fc.reader(idle), "POST", "/invoke", b"1").json() == 1
    sock.sendall(b"GET / HTTP/1.1\r\nHos")
    begin = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(lambda: (sock.recv(100), time.monotonic() - begin, idle))
        yield cut.result
    sock.close()
    idle.close()


def test_connections_are_kept_and_pipelines_answered_in_order(fc, stalled):
    with fc.connect() as sock:
        reader = fc.reader(sock)
        for number in range(50):
            assert fc.call_on(reader, "POST", "/invoke", b"%d" % number).json() == number
        sock.sendall(
            b"".join(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%d" % n for n in range(10, 40))
        )
        assert [fc.read_reply(reader).json() for _ in range(30)] == list(range(10, 40))
        time.sleep(1.2)
        assert fc.call_on(reader, "POST", "/invoke", b"1").json() == 1


def test_half_close_and_http_1_0(fc):
    with fc.connect() as sock:
        sock.sendall(RAW)
        sock.shutdown(socket.SHUT_WR)
        assert fc.read_reply(fc.reader(sock)).json() == 7
    reply = fc.exchange(b"POST /invoke HTTP/1.0\r\nContent-Length: 1\r\n\r\n7")
    assert reply.endswith(b"Connection: close\r\n\r\n7")


def test_a_caller_that_only_stops_sending_still_gets_its_answer(fc):
    with fc.connect() as sock:
        sock.sendall(b'POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{"do": "waits"}')
        sock.shutdown(socket.SHUT_WR)
        assert fc.read_reply(fc.reader(sock)).json() == "gone"


def test_expect_continue(fc):
    with fc.connect() as sock:
        reader = fc.reader(sock)
        sock.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert reader.head() == ("HTTP/1.1 100 Continue", {})
        sock.sendall(b"4")
        time.sleep(0.05)
        sock.sendall(b"2")
        assert fc.read_reply(reader).json() == 42


def test_a_client_of_http_1_0_gets_no_interim_answer(fc):
    with fc.connect() as sock:
        sock.sendall(b"POST /invoke HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        time.sleep(0.1)
        sock.sendall(b"7")
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\nHost: x\n\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 33554433\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 1_000_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 10_000 + b"\r\n", b"431"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n\r\n\r\n", b"400"),
        (RAW[:-1] + b"7nonsense\r\n\r\n", b"200"),
    ],
)
def test_refusals_are_answered_and_then_closed(fc, data, status):
    reply = fc.exchange(data)
    assert reply.startswith(b"HTTP/1.1 " + status)
    last = reply[reply.rindex(b"HTTP/1.1 ") :]
    assert b"\r\nConnection: close\r\n" in last


def test_who_is_refused_may_finish_sending_and_then_read_why(fc):
    with fc.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n: \r\n\r\n")
        for _ in range(5):
            time.sleep(0.1)
            sock.sendall(b"still sending")
        assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")
        begin = time.monotonic()
        assert sock.recv(1) == b""
        while time.monotonic() - begin < 6:
            try:
                sock.sendall(b"for ever")
            except OSError:
                break
            time.sleep(0.1)
        else:
            pytest.fail("a refused connection is never closed")


def test_a_large_body_and_a_large_answer_to_a_slow_reader(fc):
    body = json.dumps("y" * 10_000_000).encode()
    assert fc.invoke(body).body == body
    with fc.connect() as sock:
        reader = fc.reader(sock)
        event = json.dumps({"do": "big", "size": 8_000_000}).encode()
        sock.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(event) + event)
        time.sleep(0.3)
        assert len(fc.read_reply(reader).json()) == 8_000_000


def test_a_client_that_leaves_harms_no_one(fc):
    before = len(fc.process.log())
    for _ in range(20):
        with fc.connect() as sock:
            sock.sendall(b'POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{"do":"big","size":3000000}')
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert "[ERROR]" not in fc.process.log()[before:]


def test_a_head_that_does_not_end_is_cut_and_an_idle_connection_is_not(fc, stalled):
    received, seconds, idle = stalled()
    assert received == b""
    assert 9 < seconds < 13
    time.sleep(1.5)
    assert fc.call_on(fc.reader(idle), "POST", "/invoke", b"1").json() == 1

"""What the Runtime API may answer, and how: framing, sizes, statuses, its connection. A test plays it by hand.

What breaks off in the middle is in test_faults.py. Does not prove that AWS's own API behaves like this one; the
emulator layer sets AWS's implementation against it.
"""

from __future__ import annotations

import json
import time

import pytest

from tests.runtime.sources import ECHO


@pytest.mark.parametrize("size", [0, 1, 2_000, 70_000, 1_100_000, 6_000_000])
def test_events_of_any_size_in_both_framings(start_lambda, size):
    side = start_lambda("def handler(event, context):\n    return [len(event['x']), event['x'][-3:]]\n")
    event = json.dumps({"x": "a" * size + "end"}).encode()
    middle = len(event) // 2
    expected = [size + 3, "end"]
    assert side.result(event) == expected
    assert side.result(event, chunks=[event]) == expected
    assert side.result(event, chunks=[event[:1], event[1:middle], event[middle:]]) == expected
    assert side.result({"x": "end"}) == [3, "end"], "a small event after a large one"


def test_an_event_that_comes_byte_by_byte(start_lambda):
    side = start_lambda(ECHO)
    side.await_next()
    event = b'{"slow": true}'
    head = b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: r\r\ntransfer-encoding: chunked\r\n\r\n"
    for byte in head + b"3\r\n" + event[:3] + b"\r\nB;x=y\r\n" + event[3:] + b"\r\n0\r\nTrailer: z\r\n\r\n":
        side.send(bytes([byte]))
        time.sleep(0.001)
    posted = side.receive()
    assert posted.path == "/2018-06-01/runtime/invocation/r/response"
    assert posted.json() == {"slow": True}


def test_memory_of_a_large_event_is_given_back(start_lambda):
    source = """
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
def handler(event, context):
    size = len(event) if isinstance(event, str) else 0
    del event
    return [size, rss()]
"""
    side = start_lambda(source)
    before = side.result(0)[1]
    side.result("x" * 6_000_000)
    assert side.result(0)[1] - before < 4_000_000


def test_a_large_result_reaches_a_slow_reader_whole(start_lambda):
    side = start_lambda("def handler(event, context):\n    return 'é' * event\n")
    side.await_next()
    side.send_event(b"2500000")
    time.sleep(0.3)
    assert side.receive().json() == "é" * 2_500_000


def test_the_invocation_id_is_echoed(start_lambda):
    side = start_lambda("def handler(event, context):\n    return 1 / event\n")
    nonce = "0b5a1e6e"
    assert side.invoke(1, Lambda_Runtime_Invocation_Id=nonce).headers["lambda-runtime-invocation-id"] == nonce
    assert side.invoke(0, Lambda_Runtime_Invocation_Id=nonce).headers["lambda-runtime-invocation-id"] == nonce
    assert "lambda-runtime-invocation-id" not in side.invoke(1).headers


@pytest.mark.parametrize("status", [400, 403, 410, 413])
def test_a_refused_answer_is_logged_and_survived_without_a_second_report(start_lambda, status):
    side = start_lambda("def handler(event, context):\n    return 1 / event\n")
    side.invoke(1, status=status)
    side.invoke(0, status=status)
    assert side.result(2) == 0.5
    assert side.process.log().count(f"the Runtime API answered {status}") == 2


def test_a_413_before_the_whole_body_was_read(start_lambda):
    side = start_lambda("def handler(event, context):\n    return 'x' * event\n")
    side.await_next()
    side.send_event(b"6000000")
    side.reader.head()
    side.answer(413, b"{}", "Connection: close\r\n")
    side.reader.take(100_000)
    side.drop()
    assert side.result(1) == "x"
    assert "answered 413" in side.process.log()


def test_500_to_an_answer_ends_the_process(start_lambda):
    side = start_lambda(ECHO)
    side.await_next()
    side.send_event(b"1")
    side.receive()
    side.answer(500)
    assert side.process.exit_status() == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a b\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a\r\nContent-Length: 9\r\n\r\n{}",
    ],
)
def test_without_a_usable_next_event_the_process_exits(start_lambda, reply):
    side = start_lambda(ECHO)
    side.await_next()
    side.send(reply)
    side.drop()
    assert side.process.exit_status() == 1
    assert "[ERROR] " in side.process.log()
    assert "Traceback" not in side.process.log()


def test_init_error_survives_an_api_that_refuses_it(start_lambda):
    side = start_lambda("1 / 0")
    side.receive()
    side.answer(403)
    assert side.process.exit_status() == 1


def test_interim_responses_are_passed_over(start_lambda):
    side = start_lambda(ECHO)
    side.await_next()
    side.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    side.send_event(b"1")
    side.receive()
    side.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    side.answer()
    assert side.result(2) == 2


def test_a_polite_close_is_followed_by_a_new_connection(start_lambda):
    side = start_lambda(ECHO)
    side.await_next()
    side.send_event(b"1")
    side.receive()
    side.answer(extra="Connection: close\r\n")
    side.drop()
    assert side.result(2) == 2


IMPATIENT = "import socket\nsocket.setdefaulttimeout(0.2)\n" + ECHO


def test_a_handler_s_default_timeout_is_not_the_runtime_s(start_lambda):
    side = start_lambda(IMPATIENT)
    for number in range(2):
        side.await_next()
        time.sleep(0.5)
        side.send_event(b"%d" % number)
        assert side.receive().json() == number
        side.answer()

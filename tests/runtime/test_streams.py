"""Results that come piece by piece, on both sides, over real sockets.

Does not prove how the clouds pass the pieces on to their callers: neither gateway can run here.
"""

from __future__ import annotations

import base64
import json
import socket
import time

import pytest

HANDLER = """
import asyncio
from runtime import response

closed = []

def numbers(event):
    try:
        for number in range(event.get("count", 3)):
            yield f"<{number}>"
        if event.get("fail"):
            raise ValueError("in the middle")
    finally:
        closed.append(event["do"])

async def async_numbers(event):
    task = asyncio.current_task()
    try:
        for number in range(event.get("count", 3)):
            await asyncio.sleep(0)
            assert asyncio.current_task() is task
            yield b"<%d>" % number
        if event.get("fail"):
            raise ValueError("in the middle")
    finally:
        await asyncio.sleep(0)
        closed.append(event["do"])

def at_once(event):
    raise RuntimeError("before the first piece")
    yield b""

def bad(event):
    yield "good"
    yield 5

def http(event):
    return response_of(numbers(event), 201)

def plain(event):
    return {"text": "é"}

def octets(event):
    return b"\\x00\\xff"

def text_reply(event):
    return response_of("whole", 404)

def binary_reply(event):
    return response(200, b"\\x00\\xff")

def response_of(body, status):
    return {"statusCode": status, "headers": {"Content-Type": "text/plain", "X-One": "1"},
        "cookies": ["a=1", "b=2"], "body": body}

def wrong_http(event):
    return response_of(numbers(event), 99)

def endless(event):
    return numbers({"do": "endless", "count": 10_000_000})

def large(event):
    for _ in range(20):
        yield b"x" * 500_000

def nothing(event):
    return iter(["", b""])

def what_was_closed(event):
    return closed

def http_async(event):
    return response_of(async_numbers(event), 200)

def no_content(event):
    return response_of(iter([b"dropped"]), 204)

def handler(event, context):
    if "requestContext" in event:
        event = event["queryStringParameters"]
        event = {key: int(value) if value.isdigit() else value for key, value in event.items()}
    return globals()[event["do"]](event)
"""

TRAILERS = "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"


def chunks(reader):
    """The chunks of a body, and its trailers."""
    found = []
    while size := int(reader.line(), 16):
        found.append(reader.take(size))
        assert reader.take(2) == b"\r\n"
    trailers = {}
    while line := reader.line():
        name, _, value = line.partition(": ")
        trailers[name] = value
    return found, trailers


STREAM = {"ISTHMUS_INVOKE_MODE": "RESPONSE_STREAM"}


@pytest.fixture(scope="module")
def side(start_lambda):
    return start_lambda(HANDLER, **STREAM)


@pytest.fixture(scope="module")
def buffering(start_lambda):
    """Behind a function URL in the mode BUFFERED, or behind none."""
    return start_lambda(HANDLER)


def streamed(side, event, **headers):
    """One invocation whose reply is streamed: what was posted, its chunks and its trailers."""
    side.await_next()
    request_id = side.send_event(json.dumps(event).encode(), **headers)
    posted = side.receive()
    assert posted.path == f"/2018-06-01/runtime/invocation/{request_id}/response"
    assert posted.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert posted.headers["transfer-encoding"] == "chunked"
    assert posted.headers["trailer"] == TRAILERS
    assert "content-length" not in posted.headers
    found = chunks(side.reader)
    side.answer()
    assert side.reader.sock.recv(1) == b"", "the connection is closed after a streamed reply"
    side.drop()
    return posted, *found


@pytest.mark.parametrize("do", ["numbers", "async_numbers"])
def test_each_piece_is_a_chunk(side, do):
    posted, pieces, trailers = streamed(side, {"do": do}, Lambda_Runtime_Invocation_Id="nonce")
    assert pieces == [b"<0>", b"<1>", b"<2>"]
    assert trailers == {}
    assert posted.headers["content-type"] == "application/octet-stream"
    assert posted.headers["lambda-runtime-invocation-id"] == "nonce"
    assert do in side.result({"do": "what_was_closed"})


@pytest.mark.parametrize("do", ["numbers", "async_numbers"])
def test_an_error_in_the_middle_goes_into_the_trailers_and_the_log(side, do):
    _, pieces, trailers = streamed(side, {"do": do, "fail": 1})
    assert pieces == [b"<0>", b"<1>", b"<2>"]
    assert trailers["Lambda-Runtime-Function-Error-Type"] == "Function.ValueError"
    told = json.loads(base64.b64decode(trailers["Lambda-Runtime-Function-Error-Body"]))
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "in the middle")
    assert any("app.py" in entry for entry in told["stackTrace"])
    assert "[ERROR] ValueError: in the middle" in side.process.log()


def test_a_piece_of_a_wrong_type_is_named(side):
    _, pieces, trailers = streamed(side, {"do": "bad"})
    assert pieces == [b"good"]
    assert trailers["Lambda-Runtime-Function-Error-Type"] == "Runtime.MarshalError"
    assert b"not int" in base64.b64decode(trailers["Lambda-Runtime-Function-Error-Body"])


def test_an_error_before_the_first_piece_is_an_ordinary_failure(side):
    posted = side.failure({"do": "at_once"})
    assert posted.json()["errorMessage"] == "before the first piece"


def test_a_wrong_status_is_an_ordinary_failure(side):
    assert side.failure({"do": "wrong_http"}).json()["errorType"] == "Runtime.InvalidResponse"


@pytest.mark.parametrize("do", ["http", "http_async"])
def test_an_http_reply_begins_with_its_prelude(side, do):
    posted, pieces, trailers = streamed(side, {"do": do})
    assert posted.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    prelude, nuls, first = pieces[0].partition(bytes(8))
    assert len(nuls) == 8
    assert json.loads(prelude) == {
        "statusCode": 201 if do == "http" else 200,
        "headers": {"Content-Type": "text/plain", "X-One": "1"},
        "cookies": ["a=1", "b=2"],
    }
    assert [first, *pieces[1:]] == [b"<0>", b"<1>", b"<2>"]
    assert trailers == {}


def prelude_and_body(pieces):
    prelude, nuls, body = b"".join(pieces).partition(bytes(8))
    assert len(nuls) == 8
    return json.loads(prelude), body


def over_url(do, **more):
    return {"requestContext": {"http": {}}, "queryStringParameters": {"do": do, **more}}


@pytest.mark.parametrize(
    ("do", "status", "media_type", "body"),
    [
        ("plain", 200, "application/json", '{"text": "é"}'.encode()),
        ("octets", 200, "application/octet-stream", b"\x00\xff"),
        ("numbers", 200, "application/octet-stream", b"<0><1><2>"),
        ("text_reply", 404, "text/plain", b"whole"),
        ("binary_reply", 200, "application/octet-stream", b"\x00\xff"),
        ("http", 201, "text/plain", b"<0><1><2>"),
        ("nothing", 200, "application/octet-stream", b""),
    ],
)
def test_a_function_url_gets_every_result_as_its_mode_asks(side, buffering, do, status, media_type, body):
    """A URL that streams knows status and fields only from a prelude; one that buffers only from JSON."""
    posted, pieces, _ = streamed(side, over_url(do))
    assert posted.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    prelude, streamed_body = prelude_and_body(pieces)
    assert (prelude["statusCode"], streamed_body) == (status, body)
    assert {name.lower(): value for name, value in prelude["headers"].items()}["content-type"] == media_type

    reply = buffering.result(over_url(do))
    if do == "plain":
        assert reply == {"text": "é"}
        return
    assert reply["statusCode"] == status
    assert {name.lower(): value for name, value in reply["headers"].items()}["content-type"] == media_type
    assert (base64.b64decode(reply["body"]) if reply.get("isBase64Encoded") else reply["body"].encode()) == body


def test_a_direct_caller_gets_results_as_they_are_in_either_mode(side, buffering):
    for runtime in (side, buffering):
        assert runtime.result({"do": "plain"}) == {"text": "é"}
        assert runtime.result({"do": "text_reply"})["body"] == "whole"
        assert streamed(runtime, {"do": "numbers"})[1] == [b"<0>", b"<1>", b"<2>"]


def test_what_fails_while_it_is_gathered_is_an_ordinary_failure(buffering):
    failure = buffering.failure(over_url("http", fail="1")).json()
    assert (failure["errorType"], failure["errorMessage"]) == ("ValueError", "in the middle")
    assert buffering.failure(over_url("bad")).json()["errorType"] == "Runtime.MarshalError"
    assert buffering.failure(over_url("wrong_http")).json()["errorType"] == "Runtime.InvalidResponse"


def test_gathering_ends_where_the_api_would_refuse(buffering):
    failure = buffering.failure(over_url("endless", count="100000000")).json()
    assert failure["errorType"] == "Function.ResponseSizeTooLarge"
    assert "endless" in buffering.result({"do": "what_was_closed"})


def test_an_empty_stream_is_an_empty_body(side):
    assert streamed(side, {"do": "nothing"})[1] == []


def test_more_than_six_megabytes_may_be_streamed(side):
    _, pieces, _ = streamed(side, {"do": "large"})
    assert [len(piece) for piece in pieces] == [500_000] * 20


def test_a_stream_is_closed_when_the_api_answers_early(side):
    side.await_next()
    side.send_event(b'{"do": "endless"}')
    side.receive()
    side.reader.take(100)
    side.answer(410, b'{"errorType": "InvokeTimeout"}')
    time.sleep(0.1)
    side.drop()
    assert "endless" in side.result({"do": "what_was_closed"})


def test_a_stream_is_closed_when_the_connection_breaks(side):
    side.await_next()
    side.send_event(b'{"do": "endless"}')
    side.receive()
    side.drop()
    assert side.result({"do": "what_was_closed"}).count("endless") == 2


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 41",
        b"HTTP/1.1 413 X\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 202 X\r\nContent-Length: 0\r\n\r\nmore",
        b"nonsense\r\n\r\n",
    ],
)
def test_an_api_that_breaks_off_in_the_middle_of_a_stream_is_asked_anew(side, words):
    side.await_next()
    side.send_event(b'{"do": "endless"}')
    side.receive()
    side.send(words)
    side.reader.sock.shutdown(socket.SHUT_WR)
    while side.reader.sock.recv(1 << 20):
        pass
    side.drop()
    assert side.result({"do": "plain"}) == {"text": "é"}


def test_a_slow_reader_holds_the_source_back(start_lambda):
    side = start_lambda(
        "produced = 0\n"
        "def pieces():\n    global produced\n    for _ in range(2_000):\n        produced += 1\n"
        "        yield b'x' * 100_000\n"
        "def watch():\n    import time\n    while produced < 2_000:\n        print('produced', produced)\n"
        "        time.sleep(0.05)\n"
        "def handler(event, context):\n    import _thread\n    _thread.start_new_thread(watch, ())\n"
        "    return pieces()\n"
    )
    side.await_next()
    side.send_event(b"{}")
    time.sleep(1)
    told = [int(line.split()[1]) for line in side.process.log().splitlines() if line.startswith("produced ")]
    assert 0 < told[-1] < 500, "what fits into the sockets' buffers is ahead, and no more"


# FC


@pytest.fixture(scope="module")
def fc(start_fc):
    return start_fc(HANDLER)


def fc_stream(fc, target, method="GET"):
    with fc.connect() as sock:
        reader = fc.reader(sock)
        sock.sendall(
            f"{method} {target} HTTP/1.1\r\nHost: x\r\nX-Fc-Request-Id: r-1\r\n"
            "X-Fc-Control-Path: /http-invoke\r\nContent-Length: 0\r\n\r\n".encode()
        )
        start, headers = reader.head()
        if method == "HEAD" or " 204 " in start:
            return start, headers, reader
        assert headers["transfer-encoding"] == "chunked"
        assert "content-length" not in headers
        found = chunks(reader)[0]
        # The connection is good for another one.
        assert fc.call_on(reader, "GET", "/?do=what_was_closed").path == "200"
        return start, headers, found


@pytest.mark.parametrize("do", ["http", "http_async"])
def test_fc_sends_chunks(fc, do):
    start, headers, pieces = fc_stream(fc, f"/?do={do}")
    assert start.split()[1] == ("201" if do == "http" else "200")
    assert headers["content-type"] == "text/plain"
    assert headers["set-cookie"] == "a=1; b=2"
    assert pieces == [b"<0>", b"<1>", b"<2>"]


def test_fc_streams_what_is_no_http_reply_as_octets(fc):
    start, headers, pieces = fc_stream(fc, "/?do=numbers")
    assert start.split()[1] == "200"
    assert headers["content-type"] == "application/octet-stream"
    assert pieces == [b"<0>", b"<1>", b"<2>"]


def test_fc_invoke_streams_too(fc):
    with fc.connect() as sock:
        reader = fc.reader(sock)
        body = b'{"do": "async_numbers"}'
        sock.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert reader.head()[0].split()[1] == "200"
        assert chunks(reader)[0] == [b"<0>", b"<1>", b"<2>"]


def test_fc_error_before_the_first_piece_is_an_ordinary_failure(fc):
    answer = fc.http("GET", "/?do=at_once")
    assert answer.path == "502"
    assert answer.headers["x-fc-status"] == "404"


def test_fc_error_in_the_middle_cuts_the_connection(fc):
    answer = fc.exchange(b"GET /?do=http&fail=1 HTTP/1.1\r\nHost: x\r\nX-Fc-Request-Id: r-cut\r\n\r\n")
    assert answer.endswith(b"<2>\r\n")
    assert "FC Invoke End RequestId: r-cut, Error: Unhandled Exception" in fc.process.log()
    assert "in the middle" in fc.process.log()


def test_fc_stream_to_a_client_of_http_1_0_ends_with_the_connection(fc):
    answer = fc.exchange(b"GET /?do=http HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert b"Connection: close" in head
    assert body == b"<0><1><2>"


@pytest.mark.parametrize(("method", "do"), [("HEAD", "http"), ("GET", "no_content")])
def test_fc_sends_no_body_where_none_may_be(fc, method, do):
    _, headers, reader = fc_stream(fc, f"/?do={do}", method)
    assert ("transfer-encoding" in headers) == (method == "HEAD")
    assert reader.data == b""


def test_fc_closes_the_source_when_the_client_goes(fc):
    before = json.loads(fc.http("GET", "/?do=what_was_closed").body).count("endless")
    with fc.connect() as sock:
        sock.sendall(b"GET /?do=endless HTTP/1.1\r\nHost: x\r\nX-Fc-Request-Id: r-gone\r\n\r\n")
        sock.recv(1000)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if json.loads(fc.http("GET", "/?do=what_was_closed").body).count("endless") > before:
            break
        time.sleep(0.02)
    else:
        pytest.fail("the source was never closed")
    assert "FC Invoke End RequestId: r-gone" in fc.process.log()

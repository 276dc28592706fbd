"""Whole web applications as handlers, on both clouds.

Most applications are written by hand against the two standards; the last tests run FastAPI and Flask. Does not prove
that every framework keeps to the standards.
"""

from __future__ import annotations

import base64
import json
import sys
import time

import pytest

from tests.runtime.test_streams import chunks

ASGI = """
import asyncio
from runtime.asgi import adapt

log = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["from_startup"] = "yes"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        print("shut down", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    request = await receive()
    start = {"type": "http.response.start", "status": 201, "headers": [
        (b"content-type", b"text/plain"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-many", b"1"),
        (b"x-many", b"2")]}
    if path == "/echo":
        told = {key: scope[key] for key in ("method", "path", "http_version", "scheme", "state", "client")}
        told["raw_path"] = scope["raw_path"].decode()
        told["query"] = scope["query_string"].decode()
        told["headers"] = sorted([name.decode(), value.decode()] for name, value in scope["headers"])
        told["body"] = request["body"].decode("latin-1")
        told["id"] = scope["runtime.context"].request_id
        import json
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})
        assert (await receive())["type"] == "http.disconnect"
    elif path == "/stream":
        await send(start)
        for number in range(3):
            await send({"type": "http.response.body", "body": b"<%d>" % number, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body"})
    elif path == "/binary":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(range(256))})
    elif path == "/nothing":
        return
    elif path == "/raise":
        raise ValueError("in the application")
    elif path == "/cancelled":
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task
    elif path == "/after":
        await send(start)
        await send({"type": "http.response.body", "body": b"all of it"})
        raise ValueError("in the background")
    elif path == "/endless":
        await send(start)
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        finally:
            log.append("cancelled")
    else:
        await send(start)
        await send({"type": "http.response.body", "body": ",".join(log).encode()})

handler = adapt(app)
whole = adapt(app, stream=False)
"""

WSGI = """
from runtime.wsgi import adapt

log = []

class Body:
    def __init__(self, pieces):
        self.pieces = iter(pieces)
    def __iter__(self):
        return self.pieces
    def close(self):
        log.append("closed")

def app(environ, start_response):
    path = environ["PATH_INFO"]
    fields = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Many", "1"),
        ("X-Many", "2")]
    if path == "/echo":
        import json
        told = {key: value for key, value in environ.items() if isinstance(value, str)}
        told["body"] = environ["wsgi.input"].read().decode("latin-1")
        told["id"] = environ["runtime.context"].request_id
        start_response("201 Created", fields)
        return [json.dumps(told).encode()]
    if path == "/stream":
        def late():
            start_response("201 Created", fields)
            yield b""
            yield from (b"<0>", b"<1>", b"<2>")
        return Body(late())
    if path == "/write":
        write = start_response("200 OK", [])
        write(b"<0>")
        write(b"<1>")
        return [b"<2>"]
    if path == "/binary":
        start_response("200 OK", [])
        return [bytes(range(256))]
    if path == "/nothing":
        return []
    if path in ("/raise", "/cancelled"):
        raise ValueError("in the application")
    if path == "/endless":
        start_response("200 OK", fields)
        return Body(b"x" * 1000 for _ in range(10_000_000))
    start_response("200 OK", fields)
    return [",".join(log).encode()]

handler = adapt(app)
whole = adapt(app, stream=False)
"""


def event(method, path, body=b"", query="", **headers):
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "x.example", "x-forwarded-proto": "https", **headers},
        "cookies": ["c=1", "d=2"],
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "198.51.100.7"}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


@pytest.fixture(scope="module", params=[ASGI, WSGI], ids=["asgi", "wsgi"])
def source(request):
    return request.param


@pytest.fixture(scope="module")
def side(start_lambda, source):
    if source is not ASGI:
        return start_lambda(source)
    side = start_lambda(source)
    side.receive()  # the application has a shutdown to run, so an extension is registered
    side.answer(403)
    side.drop()
    return side


@pytest.fixture(scope="module")
def fc(start_fc, source):
    return start_fc(source)


def test_lambda_passes_the_request_and_gives_back_the_response(side):
    result = side.result(event("POST", "/echo", b"\x00\xff", "q=1&q=%C3%A9", **{"x-one": "1"}))
    assert result["statusCode"] == 201
    assert result["headers"] == {"content-type": "text/plain", "x-many": "1, 2"}
    assert result["cookies"] == ["a=1", "b=2"]
    assert not result["isBase64Encoded"]
    told = json.loads(result["body"])
    assert told["body"] == "\x00\xff"
    assert told["id"].startswith("8476a536")
    if "REQUEST_METHOD" in told:
        expected = {"REQUEST_METHOD": "POST", "PATH_INFO": "/echo", "QUERY_STRING": "q=1&q=%C3%A9", "HTTP_X_ONE": "1"}
        expected |= {"HTTP_COOKIE": "c=1; d=2", "CONTENT_LENGTH": "2", "REMOTE_ADDR": "198.51.100.7"}
        assert expected.items() <= told.items()
    else:
        expected = {"method": "POST", "path": "/echo", "raw_path": "/echo", "query": "q=1&q=%C3%A9", "scheme": "https"}
        expected |= {"state": {"from_startup": "yes"}, "client": ["198.51.100.7", 0]}
        assert expected.items() <= told.items()
        assert ["cookie", "c=1; d=2"] in told["headers"]
        assert ["x-one", "1"] in told["headers"]


def test_a_body_in_pieces_is_gathered_for_a_function_url_that_buffers(side):
    assert side.result(event("GET", "/stream"))["body"] == "<0><1><2>"


def test_binary_bodies_survive(side):
    result = side.result(event("GET", "/binary"))
    assert result["isBase64Encoded"]
    assert base64.b64decode(result["body"]) == bytes(range(256))


@pytest.mark.parametrize("path", ["/nothing", "/raise", "/cancelled"])
def test_a_broken_application_is_a_failure_and_the_next_request_is_served(side, path):
    side.failure(event("GET", path))
    assert side.result(event("GET", "/log"))["statusCode"] in {200, 201}


def test_a_raw_event_is_refused(side):
    assert side.failure({"a": 1}).json()["errorType"] == "Runtime.NotHttpRequest"


@pytest.mark.parametrize("handler", ["app.handler", "app.whole"])
def test_lambda_streams_where_the_function_url_does(start_lambda, source, handler):
    side = start_lambda(source, handler, ISTHMUS_INVOKE_MODE="RESPONSE_STREAM")
    if source is ASGI:
        side.receive()
        side.answer(403)
        side.drop()
    side.await_next()
    side.send_event(json.dumps(event("GET", "/stream")).encode())
    assert side.receive().headers["lambda-runtime-function-response-mode"] == "streaming"
    pieces, _ = chunks(side.reader)
    prelude, _, first = pieces[0].partition(bytes(8))
    assert json.loads(prelude)["statusCode"] == 201
    expected = [b"<0>", b"<1>", b"<2>"] if handler == "app.handler" else [b"<0><1><2>"]
    assert [first, *pieces[1:]] == expected


def test_fc_streams(fc):
    with fc.connect() as sock:
        reader = fc.reader(sock)
        sock.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        start, headers = reader.head()
        assert start.split()[1] == "201"
        assert headers["transfer-encoding"] == "chunked"
        assert headers["set-cookie"] == "a=1; b=2"
        assert chunks(reader)[0] == [b"<0>", b"<1>", b"<2>"]


def test_fc_passes_the_request_and_gives_back_the_response(fc):
    with fc.connect() as sock:
        reader = fc.reader(sock)
        sock.sendall(b"POST /echo?a=b HTTP/1.1\r\nHost: x\r\nCookie: c=1; d=2\r\nContent-Length: 3\r\n\r\nabc")
        start, headers = reader.head()
        body = (
            b"".join(chunks(reader)[0])
            if "transfer-encoding" in headers
            else reader.take(int(headers["content-length"]))
        )
        assert start.split()[1] == "201"
        told = json.loads(body)
        assert told["body"] == "abc"
        assert "c=1; d=2" in str(told)


def test_an_asgi_application_hears_that_its_client_has_gone(start_fc):
    fc = start_fc(
        "from runtime.asgi import adapt\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n        return\n"
        "    await receive()\n    print('waiting', flush=True)\n"
        "    print((await receive())['type'], flush=True)\n"
        "handler = adapt(app)\n"
    )
    with fc.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while "waiting" not in fc.process.log():
            time.sleep(0.01)
    while "http.disconnect" not in fc.process.log():
        time.sleep(0.01)


def test_fc_ends_the_application_when_the_client_goes(fc):
    with fc.connect() as sock:
        sock.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1000)
    for _ in range(1000):
        with fc.connect() as sock:
            sock.sendall(b"GET /log HTTP/1.0\r\n\r\n")
            data = b""
            while got := sock.recv(65536):
                data += got
        if b"cancelled" in data or b"closed" in data.partition(b"\r\n\r\n")[2]:
            return
    pytest.fail("the application never heard of it")


def test_asgi_failure_after_the_response_is_logged_and_the_response_kept(start_fc):
    fc = start_fc(ASGI)
    assert fc.http("GET", "/after").body == b"all of it"
    assert "in the background" in fc.process.log()


def test_asgi_shutdown_runs_with_the_hooks(start_fc):
    fc = start_fc(ASGI)
    assert fc.call("GET", "/pre-stop").path == "200"
    assert "shut down" in fc.process.log()


@pytest.mark.parametrize(
    ("startup", "outcome"),
    [
        ("raise ValueError('no lifespan here')", "served"),
        ("await send({'type': 'lifespan.startup.failed', 'message': 'no database'})", "no database"),
    ],
)
def test_asgi_startup_that_fails_is_an_init_error_and_one_that_raises_means_no_lifespan(start_lambda, startup, outcome):
    side = start_lambda(
        "from runtime.asgi import adapt\n"
        "async def app(scope, receive, send):\n"
        f"    if scope['type'] == 'lifespan':\n        {startup}\n        return\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'served'})\n"
        "handler = adapt(app)\n"
    )
    if outcome == "served":
        assert side.result(event("GET", "/"))["body"] == "served"
        return
    posted = side.receive()
    assert posted.path.endswith("/init/error")
    assert "no database" in posted.json()["errorMessage"]
    side.answer()


FRAMEWORKS = {
    "fastapi": (
        "from fastapi import FastAPI\nfrom runtime.asgi import adapt\napp = FastAPI()\n"
        "from fastapi.responses import StreamingResponse\n"
        "@app.get('/hello/{name}')\nasync def hello(name: str, n: int):\n    return {'name': name, 'n': n}\n"
        "@app.get('/pieces')\ndef pieces():\n"
        "    return StreamingResponse(iter(['<0>', '<1>']), media_type='text/csv')\n"
        "handler = adapt(app)\n"
    ),
    "flask": (
        "from flask import Flask, request\nfrom runtime.wsgi import adapt\napp = Flask('x')\n"
        "@app.get('/hello/<name>')\ndef hello(name):\n    return {'name': name, 'n': int(request.args['n'])}\n"
        "@app.get('/pieces')\ndef pieces():\n    return iter(['<0>', '<1>']), {'content-type': 'text/csv'}\n"
        "handler = adapt(app)\n"
    ),
}


def framework_source(framework):
    folders = [path for path in sys.path if path.endswith("site-packages")]
    return f"import sys\nsys.path += {folders!r}\n" + FRAMEWORKS[framework]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_real_frameworks_run_unchanged(start_fc, framework):
    fc = start_fc(framework_source(framework))
    answer = fc.http("GET", "/hello/%C3%A9?n=5")
    assert answer.path == "200", fc.process.log()
    assert answer.json() == {"name": "é", "n": 5}
    assert answer.headers["content-type"].startswith("application/json")
    with fc.connect() as sock:
        reader = fc.reader(sock)
        sock.sendall(b"GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reader.head()[1]["content-type"].startswith("text/csv")
        assert chunks(reader)[0] == [b"<0>", b"<1>"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("mode", ["BUFFERED", "RESPONSE_STREAM"])
def test_real_frameworks_run_on_lambda_in_either_mode(start_lambda, framework, mode):
    side = start_lambda(framework_source(framework), ISTHMUS_INVOKE_MODE=mode)
    if framework == "fastapi":
        side.receive()
        side.answer(403)
        side.drop()
    if mode == "BUFFERED":
        reply = side.result(event("GET", "/pieces"))
        assert (reply["statusCode"], reply["body"]) == (200, "<0><1>")
    else:
        side.await_next()
        side.send_event(json.dumps(event("GET", "/pieces")).encode())
        side.receive()
        pieces, _ = chunks(side.reader)
        reply, _, first = pieces[0].partition(bytes(8))
        assert [first, *pieces[1:]] == [b"<0>", b"<1>"]
        reply = json.loads(reply)
        assert reply["statusCode"] == 200
    assert reply["headers"]["content-type"].startswith("text/csv")

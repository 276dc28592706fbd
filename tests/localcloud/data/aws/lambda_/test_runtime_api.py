"""The Runtime API server as a runtime sees it on the wire: chunking, state machine, limits, streaming, trailers.

Does not prove that AWS answers the same: statuses and messages are those of AWS's emulator and documentation.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json

import pytest

from localcloud.data.aws.lambda_.response_stream import StreamBroken
from localcloud.data.aws.lambda_.runtime_api import MAX_PAYLOAD_BYTES, Invocation, RuntimeApi

PREFIX = "/2018-06-01/runtime"


class Client:
    """A runtime in a thread, so that the server's loop stays free."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.connection = http.client.HTTPConnection(address, timeout=10)

    async def call(self, method, path, body=None, headers=None):
        def run():
            self.connection.request(method, PREFIX + path, body=body, headers=headers or {})
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()

        return await asyncio.to_thread(run)

    async def raw(self, text: bytes) -> bytes:
        host, port = self.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(text)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def api():
    api = RuntimeApi()
    api.client = Client(await api.start())
    yield api
    api.client.connection.close()
    await api.stop()


def event(payload: bytes = b"{}", **changes) -> Invocation:
    return Invocation("request-1", payload, 1_700_000_000_000, "arn:aws:lambda:x", trace_id="Root=1-2", **changes)


async def begin(api, payload: bytes = b"{}", **changes):
    outcome = asyncio.ensure_future(api.invoke(event(payload, **changes)))
    status, headers, body = await api.client.call("GET", "/invocation/next")
    assert status == 200
    return outcome, headers, body


async def test_an_event_comes_with_its_headers_and_the_response_reaches_the_caller(api):
    outcome, headers, body = await begin(api, b'{"a":1}', client_context='{"custom":{}}')

    assert body == b'{"a":1}'
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "request-1"
    assert headers["Lambda-Runtime-Deadline-Ms"] == "1700000000000"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:aws:lambda:x"
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-2"
    assert headers["Lambda-Runtime-Client-Context"] == '{"custom":{}}'
    assert headers["Content-Length"] == "7"
    assert "Lambda-Runtime-Cognito-Identity" not in headers

    status, _, told = await api.client.call("POST", "/invocation/request-1/response", b'"ok"')
    assert (status, told) == (202, b'{"status":"OK"}\n')
    assert (await outcome).payload == b'"ok"'


@pytest.mark.parametrize(("size", "chunked"), [(2048, False), (2049, True), (100_000, True)])
async def test_an_event_above_2_kb_is_chunked(api, size, chunked):
    _, headers, body = await begin(api, b"x" * size)

    assert body == b"x" * size
    assert headers.get("Transfer-Encoding") == ("chunked" if chunked else None)
    assert headers.get("Content-Length") == (None if chunked else str(size))


async def test_next_during_an_invocation_gives_the_same_event_again(api):
    await begin(api, b'{"a":1}')

    assert (await api.client.call("GET", "/invocation/next"))[2] == b'{"a":1}'


async def test_a_wrong_id_is_400_and_the_right_one_still_works(api):
    outcome, _, _ = await begin(api)

    status, _, told = await api.client.call("POST", "/invocation/other/response", b"1")
    assert (status, json.loads(told)["errorType"]) == (400, "InvalidRequestID")
    assert (await api.client.call("POST", "/invocation/request-1/response", b"1"))[0] == 202
    assert (await outcome).payload == b"1"


async def test_a_second_answer_and_init_error_after_next_are_403(api):
    await begin(api)
    await api.client.call("POST", "/invocation/request-1/response", b"1")

    for path in ("/invocation/request-1/response", "/invocation/request-1/error", "/init/error"):
        status, _, told = await api.client.call("POST", path, b"{}")
        assert (status, json.loads(told)["errorType"]) == (403, "InvalidStateTransition"), path


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Runtime.NoSuchHandler", "Runtime.NoSuchHandler"), ("ValueError", "Function.Unknown"), ("", "Function.Unknown")],
)
async def test_error_types_are_kept_only_in_the_documented_form(api, sent, kept):
    outcome, _, _ = await begin(api)
    body = b'{"errorMessage":"m","errorType":"T"}'

    status, _, _ = await api.client.call(
        "POST", "/invocation/request-1/error", body, {"Lambda-Runtime-Function-Error-Type": sent}
    )

    assert status == 202
    assert ((await outcome).payload, (await outcome).error_type) == (body, kept)


async def test_init_error_once_then_403(api):
    status, _, _ = await api.client.call("POST", "/init/error", b'{"errorMessage":"m"}')
    assert status == 202
    assert api.init_error.result().error_type == "Runtime.Unknown"
    assert (await api.client.call("POST", "/init/error", b"{}"))[0] == 403


async def test_the_largest_response_passes_and_one_byte_more_is_413_but_not_fatal(api):
    outcome, _, _ = await begin(api)
    assert (await api.client.call("POST", "/invocation/request-1/response", b"x" * MAX_PAYLOAD_BYTES))[0] == 202
    assert len((await outcome).payload) == 6_291_556

    outcome, _, _ = await begin(api)
    status, _, told = await api.client.call("POST", "/invocation/request-1/response", b"x" * (MAX_PAYLOAD_BYTES + 1))
    assert (status, json.loads(told)["errorType"]) == (413, "RequestEntityTooLarge")
    assert (await outcome).error_type == "Function.ResponseSizeTooLarge"
    assert (await api.client.call("POST", "/invocation/request-1/error", b"{}"))[0] == 403
    await begin(api)


async def test_an_unknown_response_mode_is_400_and_leaves_the_runtime_stuck(api):
    await begin(api)
    headers = {"Lambda-Runtime-Function-Response-Mode": "weird"}

    status, _, told = await api.client.call("POST", "/invocation/request-1/response", b"1", headers)

    assert (status, json.loads(told)["errorType"]) == (400, "InvalidFunctionResponseMode")
    assert (await api.client.call("GET", "/invocation/next"))[0] == 403


async def test_an_echoed_invocation_id_must_be_the_current_one(api):
    outcome, headers, _ = await begin(api)
    wrong = {"Lambda-Runtime-Invocation-Id": "other"}
    right = {"Lambda-Runtime-Invocation-Id": headers["Lambda-Runtime-Invocation-Id"]}

    assert (await api.client.call("POST", "/invocation/request-1/response", b"1", wrong))[0] == 410
    assert (await api.client.call("POST", "/invocation/request-1/response", b"2", right))[0] == 202
    assert (await outcome).payload == b"2"


def streamed(*chunks: bytes, trailers: bytes = b"", end: bool = True) -> bytes:
    head = (
        f"POST {PREFIX}/invocation/request-1/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: text/plain\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
    )
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head.encode() + body + (b"0\r\n" + trailers + b"\r\n" if end else b"")


async def test_a_streamed_response_arrives_piece_by_piece(api):
    outcome, _, _ = await begin(api)

    answer = await api.client.raw(streamed(b"one", b"two"))

    assert answer.startswith(b"HTTP/1.1 202")
    stream = (await outcome).stream
    assert [piece async for piece in stream] == [b"one", b"two"]
    assert api.stream_ended.is_set()


async def test_an_error_in_the_trailers_breaks_the_stream_with_type_and_message(api):
    outcome, _, _ = await begin(api)
    detail = base64.b64encode(b'{"errorMessage":"late"}')
    trailers = b"Lambda-Runtime-Function-Error-Type: Function.Late\r\n"
    trailers += b"Lambda-Runtime-Function-Error-Body: " + detail + b"\r\n"

    await api.client.raw(streamed(b"one", trailers=trailers))

    with pytest.raises(StreamBroken, match=r'Function\.Late \{"errorMessage":"late"\}'):
        [piece async for piece in (await outcome).stream]


async def test_a_truncated_stream_is_broken_not_complete(api):
    outcome, _, _ = await begin(api)

    await api.client.raw(streamed(b"one", end=False))

    with pytest.raises(StreamBroken, match="Truncated"):
        [piece async for piece in (await outcome).stream]


async def test_a_truncated_body_is_400(api):
    await begin(api)
    text = f"POST {PREFIX}/invocation/request-1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nshort"

    assert b"TruncatedHTTPRequest" in await api.client.raw(text.encode())


async def test_a_runtime_that_hangs_up_in_next_does_not_eat_the_event(api):
    host, port = api.client.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {PREFIX}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await writer.drain()
    await asyncio.wait_for(api.ready.wait(), 5)
    writer.close()
    await asyncio.sleep(0.5)

    _, _, body = await begin(api, b'"kept"')
    assert body == b'"kept"'


async def test_unknown_paths_are_404(api):
    assert (await api.client.call("GET", "/nothing"))[0] == 404
    assert (await api.client.call("GET", "/ping"))[2] == b"pong"


async def test_a_slow_reader_holds_the_runtime_back_and_one_that_leaves_lets_it_end(api):
    outcome, _, _ = await begin(api)
    host, port = api.client.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(streamed(end=False))
    sent = 0

    async def send() -> None:
        nonlocal sent
        for _ in range(400):
            writer.write(b"%x\r\n%b\r\n" % (1 << 20, bytes(1 << 20)))
            await writer.drain()
            sent += 1
        writer.write(b"0\r\n\r\n")

    sending = asyncio.ensure_future(send())
    stream = (await outcome).stream
    assert len(await anext(stream)) > 0
    await asyncio.sleep(0.5)
    assert sent < 100, "what fits into buffers is ahead, and no more"
    await stream.aclose()
    await sending
    assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
    assert api.stream_ended.is_set()
    assert [piece async for piece in stream] == []
    writer.close()


async def test_a_runtime_that_is_stopped_leaves_no_reader_waiting(api):
    outcome, _, _ = await begin(api)
    host, port = api.client.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(streamed(b"one", end=False))
    stream = (await outcome).stream
    assert await anext(stream) == b"one"
    await api.stop()
    with pytest.raises(StreamBroken):
        await anext(stream)
    writer.close()


EXTENSION = "/2020-01-01/extension"


def register(body: bytes = b'{"events":[]}', name: str = "own") -> bytes:
    head = f"POST {EXTENSION}/register HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: {name}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def test_an_extension_must_wait_for_events_before_the_init_phase_is_over(api):
    answer = await api.client.raw(register())
    assert answer.startswith(b"HTTP/1.1 200 ")
    identifier = answer.lower().split(b"lambda-extension-identifier: ")[1].split()[0].decode()
    assert api.extensions.any
    outcome = asyncio.ensure_future(begin(api))
    await asyncio.sleep(0.1)
    assert not api.ready.is_set()
    host, port = api.client.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    fields = f"Host: x\r\nLambda-Extension-Identifier: {identifier}\r\n\r\n"
    writer.write(f"GET {EXTENSION}/event/next HTTP/1.1\r\n{fields}".encode())
    await outcome
    assert api.ready.is_set()
    assert b"Extension.RegistrationClosed" in await api.client.raw(register())
    writer.close()


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (register(b'{"events":["SHUTDOWN"]}'), b"Extension.InvalidEventType"),
        (register(b"{"), b"InvalidRequestFormat"),
        (register(b"[]"), b"InvalidRequestFormat"),
        (register(name=""), b"Extension.InvalidExtensionName"),
        (f"GET {EXTENSION}/event/next HTTP/1.1\r\nHost: x\r\n\r\n".encode(), b"Extension.UnknownExtensionIdentifier"),
    ],
)
async def test_extensions_that_are_refused(api, call, kind):
    answer = await api.client.raw(call)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert kind in answer
    assert not api.extensions.any

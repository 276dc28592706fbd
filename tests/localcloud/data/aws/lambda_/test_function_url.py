"""Function URLs: who may call, what the handler sees, what the caller gets.

Does not prove that AWS evaluates every policy the same way: identity-based policies are not evaluated here.
"""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from multidict import CIMultiDict

from localcloud.data.aws import sigv4
from localcloud.data.aws.lambda_.function_url import url_event, url_response
from localcloud.data.keyring import account_keys
from localcloud.data.messages import Request
from tests.localcloud.data.conftest import (
    OPEN_URL_HOST,
    REGION,
    URL_HOST,
    eventually,
    function_zip,
    put_lambda,
    put_permission,
    put_url,
)

STREAMING = """
import os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
while True:
    s = socket.create_connection((host, int(port)))
    s.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
    data = b""
    while piece := s.recv(65536): data += piece
    head = data.split(b"\\r\\n\\r\\n")[0].decode()
    request = head.lower().split("lambda-runtime-aws-request-id: ")[1].split()[0]
    s = socket.create_connection((host, int(port)))
    s.sendall(f"POST /2018-06-01/runtime/invocation/{request}/response HTTP/1.1\\r\\nHost: x\\r\\n"
        "Content-Type: application/vnd.awslambda.http-integration-response\\r\\nTransfer-Encoding: chunked\\r\\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\\r\\n\\r\\n".encode())
    def send(b): s.sendall(b"%x\\r\\n%s\\r\\n" % (len(b), b))
    send(b'{"statusCode":207,"headers":{"x-a":"b"},"cookies":["c=d"]}'); send(b"\\0" * 8 + b"first;")
    import time; time.sleep(0.3)
    send(b"second"); s.sendall(b"0\\r\\n\\r\\n"); s.recv(1000)
"""


def signed(plane, host: str, method: str = "GET", body: bytes = b"", **headers) -> dict[str, str]:
    request = Request(method, host, "/", headers=CIMultiDict({"Host": host, **headers}), body=body)
    sigv4.sign(request, account_keys(plane.root)["aws"], "lambda", REGION)
    return dict(request.headers)


def flipped(text: str) -> str:
    return text[:-1] + ("1" if text.endswith("0") else "0")


async def ask(plane, host: str, method: str = "GET", headers=None, body: bytes | None = None):
    async with plane.request(method, host, headers=headers or {}, data=body) as response:
        return response.status, response.headers, await response.read()


async def test_an_unsigned_call_is_refused_before_the_function_runs(plane):
    before = plane.store.read_logs("/aws/lambda/hello")

    status, headers, body = await ask(plane, URL_HOST)

    assert status == 403
    assert headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert json.loads(body)["Message"].startswith("Forbidden. For troubleshooting Function URL authorization issues")
    assert plane.store.read_logs("/aws/lambda/hello") == before


async def test_a_signed_call_of_the_account_is_let_through(plane):
    body = b'{"n": 1}'
    headers = signed(plane, URL_HOST, "POST", body)

    status, _, answer = await ask(plane, URL_HOST, "POST", headers, body)

    assert (status, json.loads(answer)["echo"]) == (200, {"n": 1})


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (
            lambda headers: headers.update(Authorization=flipped(headers["Authorization"])),
            "InvalidSignatureException",
        ),
        (lambda headers: headers.update({"X-Amz-Date": "20200101T000000Z"}), "InvalidSignatureException"),
        (lambda headers: headers.update({"x-amz-content-sha256": "0" * 64}), "InvalidSignatureException"),
        (
            lambda headers: headers.update(Authorization=headers["Authorization"].replace("AKIA", "AKIB")),
            "UnrecognizedClientException",
        ),
    ],
)
async def test_a_wrong_signature_is_refused(plane, change, kind):
    headers = signed(plane, URL_HOST)
    change(headers)

    status, answered, _ = await ask(plane, URL_HOST, headers=headers)

    assert (status, answered["x-amzn-ErrorType"]) == (403, kind)


async def test_a_body_that_is_not_the_signed_one_is_refused(plane):
    headers = signed(plane, URL_HOST, "POST", b"signed")

    status, answered, _ = await ask(plane, URL_HOST, "POST", headers, b"sent")

    assert (status, answered["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")


async def test_an_open_url_needs_both_permissions(plane):
    assert (await ask(plane, OPEN_URL_HOST))[0] == 200
    plane.store.delete("aws:lambda/permission:Permission", "openlambda:InvokeFunction")

    assert (await ask(plane, OPEN_URL_HOST))[0] == 403

    put_permission(plane.store, "openlambda:InvokeFunction", "lambda:InvokeFunction", function="open", principal="*")
    assert (await ask(plane, OPEN_URL_HOST))[0] == 200


async def test_what_the_handler_sees_and_what_the_caller_gets(plane):
    async with plane.request("GET", OPEN_URL_HOST, "/event?a=1&a=2&b=%20", headers={"Cookie": "x=1; y=2"}) as response:
        event = await response.json()
    assert event["rawQueryString"] == "a=1&a=2&b=%20"
    assert event["queryStringParameters"] == {"a": "1,2", "b": " "}
    assert event["cookies"] == ["x=1", "y=2"]
    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["requestContext"]["domainName"] == OPEN_URL_HOST
    assert event["headers"]["host"] == OPEN_URL_HOST
    assert event["headers"]["x-forwarded-proto"] == "https"
    assert "body" not in event

    async with plane.request("GET", OPEN_URL_HOST, "/page") as response:
        assert response.status == 201
        assert response.headers["x-made"] == "yes"
        assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert await response.text() == "<p>"


async def test_a_failing_handler_is_a_502(plane):
    status, _, body = await ask(plane, OPEN_URL_HOST, "POST", body=b'{"do":"raise"}')

    assert (status, body) == (502, b"Internal Server Error")


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json", b'{"a":1}', False),
        ("application/problem+json; charset=utf-8", b"{}", False),
        ("text/plain", "é".encode(), False),
        ("text/plain", b"\xff", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("image/png", b"png", True),
        ("", b"x", True),
    ],
)
def test_bodies_are_text_or_base64_by_content_type(kind, body, encoded):
    request = Request("POST", URL_HOST, "/", headers=CIMultiDict({"Content-Type": kind}), body=body)

    event = url_event(request, None)

    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


@pytest.mark.parametrize(
    ("result", "status", "kind", "body"),
    [
        ({"message": "m"}, 200, "application/json", b'{"message": "m"}'),
        ("text", 200, "application/json", b'"text"'),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 404}, 404, "application/json", b""),
        ({"statusCode": 200, "headers": {"content-type": "text/css"}, "body": "p{}"}, 200, "text/css", b"p{}"),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, 200, "application/json", b"hi"),
        ({"statusCode": 999, "body": ""}, 502, "application/json", b"Internal Server Error"),
        ({"statusCode": "x"}, 502, "application/json", b"Internal Server Error"),
        ({"statusCode": 200, "body": {"a": 1}}, 502, "application/json", b"Internal Server Error"),
        ({"statusCode": 200, "body": "%", "isBase64Encoded": True}, 502, "application/json", b"Internal Server Error"),
    ],
)
def test_results_become_responses(result, status, kind, body):
    response = url_response(json.dumps(result).encode())

    assert (response.status, response.headers["Content-Type"], response.body) == (status, kind, body)


def test_a_result_that_is_no_json_is_a_502():
    assert url_response(b"{nonsense").status == 502


async def test_a_streamed_response_reaches_the_caller_before_it_is_complete(plane):
    host = f"{'stream34' * 4}.lambda-url.{REGION}.on.aws"
    put_lambda(plane.store, "streaming", plane.store.put_blob(function_zip(STREAMING)))
    put_url(plane.store, host, "NONE", "streaming", invokeMode="RESPONSE_STREAM")
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        put_permission(plane.store, f"streaming{action}", action, function="streaming", principal="*")

    async with plane.request("GET", host) as response:
        assert response.status == 207
        assert response.headers["x-a"] == "b"
        assert response.headers["Set-Cookie"] == "c=d"
        assert await response.content.read(6) == b"first;"
        assert await response.read() == b"second"

    def ended() -> bool:
        return any("REPORT" in line.message for line in plane.store.read_logs("/aws/lambda/streaming"))

    assert await eventually(ended)


async def test_two_hundred_at_once_are_all_answered_and_none_mixed_up(plane):
    async def one(number: int):
        status, _, body = await ask(plane, OPEN_URL_HOST, "POST", body=json.dumps({"n": number}).encode())
        return status, json.loads(body)["echo"]["n"]

    assert await asyncio.gather(*(one(number) for number in range(200))) == [(200, number) for number in range(200)]


async def test_a_deleted_url_is_an_unknown_address_at_once(plane):
    host = f"{'gone' * 8}.lambda-url.{REGION}.on.aws"
    put_url(plane.store, host, "AWS_IAM")
    assert (await ask(plane, host))[0] == 403
    plane.store.delete("aws:lambda/functionUrl:FunctionUrl", host)

    status, _, body = await ask(plane, host)

    assert status == 404
    assert URL_HOST.encode() in body

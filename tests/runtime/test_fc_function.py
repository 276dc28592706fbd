"""What an FC instance answers: invocations, life cycle calls, HTTP events, context, replies. A real process and socket.

Does not prove what Alibaba's gateway sends; it plays the documented contract.
"""

from __future__ import annotations

import re
import socket
import time
from uuid import uuid4

import pytest

from tests.runtime.sources import APP


def test_life_cycle_and_markers(fc):
    reply = fc.call("POST", "/initialize", X_Fc_Request_Id="1-init", X_Fc_Control_Path="/initialize")
    assert (reply.path, reply.body) == ("200", b"")
    reply = fc.invoke({"a": ["é", 1.5, None]}, X_Fc_Request_Id="1-inv")
    assert (reply.path, reply.body) == ("200", '{"a": ["é", 1.5, null]}'.encode())
    assert reply.headers == {"content-type": "application/json", "content-length": "24", "connection": "keep-alive"}
    assert fc.call("GET", "/pre-stop", X_Fc_Request_Id="1-stop").path == "200"
    log = fc.process.log().splitlines()
    for name, request_id in (("Initialize", "1-init"), ("Invoke", "1-inv"), ("PreStop", "1-stop")):
        start = log.index(f"FC {name} Start RequestId: {request_id}")
        assert log[start + 1] == f"FC {name} End RequestId: {request_id}"


@pytest.mark.parametrize(
    ("event", "expected"),
    [(b"", {}), (b"[1]", [1]), (b'"x"', "x"), (b"null", None), (b'\xef\xbb\xbf{"a": 1}', {"a": 1})],
)
def test_the_raw_event_is_json_whatever_the_content_type(fc, event, expected):
    assert fc.invoke(event).json() == expected


@pytest.mark.parametrize(
    ("event", "error_type", "message"),
    [
        ({"do": "fail"}, "ValueError", "secret of the inside"),
        ({"do": "leave"}, "SystemExit", "3"),
        ({"do": "aexit"}, "SystemExit", "3"),
        ({"do": "nan"}, "Runtime.MarshalError", "NaN and Infinity have no JSON form"),
        (b"{", "Runtime.UnmarshalError", "Unable to unmarshal input"),
    ],
)
def test_failed_invocations_say_so_in_header_and_body(fc, event, error_type, message):
    request_id = str(uuid4())
    reply = fc.invoke(event, X_Fc_Request_Id=request_id)
    assert reply.path == "404"
    assert reply.headers["x-fc-status"] == "404"
    assert reply.json()["errorType"] == error_type
    assert message in reply.json()["errorMessage"]
    assert reply.json()["requestId"] == request_id
    log = fc.process.log()
    assert f"\nFC Invoke End RequestId: {request_id}, Error: Unhandled Exception\n" in log
    assert re.search(rf"^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {request_id} \[ERROR\] ", log, re.MULTILINE)


def test_an_http_request_as_payload_2_0(fc):
    event = fc.http(
        "POST",
        "/whole?a=1&b=%C3%A9+x&a=2&c&%zz=%",
        b'{"a": 1}',
        Content_Type="application/json",
        Cookie="k=v; l=w;",
        X_Fc_Client_Ip="203.0.113.9",
        X_Fc_Security_Token="secret",
        X_Fc_Account_Id="1234567890123456",
        User_Agent="curl/8",
        X_Multi="1",
    ).json()
    assert event["rawPath"] == "/whole"
    assert event["rawQueryString"] == "a=1&b=%C3%A9+x&a=2&c&%zz=%"
    assert event["queryStringParameters"] == {"a": "1,2", "b": "é x", "c": "", "%zz": "%"}
    assert event["cookies"] == ["k=v", "l=w"]
    assert event["headers"] == {
        "host": "127.0.0.1", "content-length": "8", "content-type": "application/json", "user-agent": "curl/8",
        "x-multi": "1",
    }  # fmt: skip
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    context = event["requestContext"]
    assert context["http"] == {
        "method": "POST", "path": "/whole", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9", "userAgent": "curl/8",
    }  # fmt: skip
    assert (context["accountId"], context["requestId"], context["stage"]) == ("1234567890123456", "1-fc", "$default")
    assert abs(context["timeEpoch"] / 1000 - time.time()) < 60
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("http://public:8/whole?c=/d", "/whole", "c=/d"),
        ("HTTP://public:8", "/", ""),
        ("http://public:8?c=/d", "/", "c=/d"),
    ],
)
def test_an_absolute_target_names_host_and_path(fc, target, path, query):
    event = fc.http("GET", target).json()
    assert (event["rawPath"], event["rawQueryString"]) == (path, query)
    assert event["headers"]["host"] == event["requestContext"]["domainName"] == "public:8"


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b"\xff", "text/plain", ("/w==", True)),
        (b"a=b", "application/x-www-form-urlencoded", ("YT1i", True)),
        (b"a", "application/problem+json; x=y", ("a", False)),
        ("é".encode(), "Text/HTML", ("é", False)),
        (b"", "text/plain", (None, False)),
    ],
)
def test_text_bodies_are_text_and_others_base64(fc, body, media_type, expected):
    event = fc.http("PUT", "/", body, Content_Type=media_type).json()
    assert (event.get("body"), event["isBase64Encoded"]) == expected


def test_replies(fc):
    reply = fc.http("GET", "/teapot")
    assert (reply.path, reply.body) == ("201", "é".encode())
    assert reply.headers == {
        "x-one": "1", "x-num": "5", "x-bool": "true", "content-type": "text/css", "set-cookie": "a=1; b=2",
        "content-length": "2", "connection": "keep-alive",
    }  # fmt: skip
    assert fc.http("GET", "/raw").body == b"\x00\xff"
    assert fc.http("GET", "/based").body == b"\x00\xff"
    empty = fc.http("GET", "/empty")
    assert empty.path == "204"
    assert "content-length" not in empty.headers
    head = fc.http("HEAD", "/teapot")
    assert (head.headers["content-length"], head.body) == ("2", b"")
    assert fc.http("GET", "/status?s=404").path == "404"


def test_the_length_of_an_answer_to_head_is_that_of_get_or_left_out(fc):
    assert fc.http("HEAD", "/based").headers["content-length"] == "2"
    assert "content-length" not in fc.http("HEAD", "/status?s=200").headers
    assert fc.http("GET", "/status?s=200").headers["content-length"] == "0"


@pytest.mark.parametrize(
    "path",
    ["/fail", "/leave", "/injected", "/status?s=99", "/status?s=x", "/objectbody", "/badbase", "/nan", "/no-such"],
)
def test_failed_http_requests_answer_as_a_function_url_and_tell_nothing(fc, path):
    request_id = str(uuid4())
    reply = fc.call("GET", path, X_Fc_Control_Path="/http-invoke", X_Fc_Request_Id=request_id)
    assert (reply.path, reply.body) == ("502", b"Internal Server Error")
    assert reply.headers["x-fc-status"] == "404"
    assert f"{request_id} [ERROR]" in fc.process.log()


@pytest.mark.parametrize(("method", "path"), [("POST", "/initialize"), ("POST", "/invoke"), ("GET", "/pre_stop")])
def test_the_public_reaches_the_handler_and_no_life_cycle(fc, method, path):
    assert fc.http(method, path).json() == "the public's own /invoke"
    assert fc.call("GET", "/invoke", X_Fc_Control_Path="/http-invoke").json() == "the public's own /invoke"
    assert "Initialize Start RequestId: 1-fc" not in fc.process.log()


def test_init_errors_are_told_to_each_caller(start_fc):
    side = start_fc("import nonsense_x")
    reply = side.call("POST", "/initialize", X_Fc_Request_Id="1-i", X_Fc_Control_Path="/initialize")
    assert (reply.path, reply.headers["x-fc-status"]) == ("500", "404")
    assert reply.json()["errorType"] == "Runtime.ImportModuleError"
    reply = side.invoke({})
    assert (reply.path, reply.json()["errorType"]) == ("404", "Runtime.ImportModuleError")
    assert side.http("GET", "/").path == "502"
    assert "nonsense_x" in side.process.log()


def test_health_checks_are_answered_by_the_runtime_and_not_to_the_public(start_fc):
    slow = "import time\ntime.sleep(0.5)\n" + APP
    side = start_fc(slow, ISTHMUS_HEALTH_PATH="/whole?deep=1")
    reply = side.call("GET", "/whole?deep=1")
    assert (reply.path, reply.body) == ("200", b""), "it waits for the import"
    assert side.http("GET", "/whole?deep=1").json()["rawPath"] == "/whole"
    assert side.call("GET", "/whole").json()["rawPath"] == "/whole", "another target is the handler's"
    assert "FC " not in side.process.log().partition("FC Invoke")[0]


def test_an_instance_without_a_handler_is_not_well(start_fc):
    side = start_fc("import nonsense_x", ISTHMUS_HEALTH_PATH="/healthz")
    assert side.call("GET", "/healthz").path == "503"


def test_an_empty_header_counts_as_missing(start_fc):
    environ = {
        "FC_FUNCTION_NAME": "hello", "FC_FUNCTION_MEMORY_SIZE": "512", "FC_REGION": "cn-hongkong", "FC_VER_ID": "7",
        "FC_ACCOUNT_ID": "1234567890123456", "FC_INSTANCE_ID": "c-1", "ALIBABA_CLOUD_ACCESS_KEY_ID": "env-id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "env-secret", "ALIBABA_CLOUD_SECURITY_TOKEN": "env-token",
    }  # fmt: skip
    side = start_fc(APP, **environ)
    names = ("Access-Key-Id", "Access-Key-Secret", "Security-Token", "Function-Name", "Function-Memory", "Region",
             "Account-Id", "Version-Id", "Qualifier", "Service-Logproject", "Service-Logstore",
             "Function-Timeout")  # fmt: skip
    empty = {f"X_Fc_{name.replace('-', '_')}": "" for name in names}
    *facts, left = side.invoke({"do": "facts"}, **empty).json()
    arn = "acs:fc:cn-hongkong:1234567890123456:functions/hello"
    assert facts == ["alibaba", "1-fc", "hello", "7", "512", "cn-hongkong", "1234567890123456", arn, "", "c-1"]
    assert left > 80_000_000
    assert side.invoke({"do": "keys"}, **empty).json() == ["env-id", "env-secret", "env-token"]
    given = {name: value or "given" for name, value in empty.items()} | {"X_Fc_Function_Timeout": "30"}
    *facts, left = side.invoke({"do": "facts"}, **given).json()
    assert facts[2:7] == ["given"] * 5
    assert facts[8] == "given/given"
    assert 20_000 < left <= 30_000
    assert side.invoke({"do": "keys"}, **given).json()[0] == "env-id"
    side.invoke({"do": "renew"})
    assert side.invoke({"do": "keys"}).json()[0] == "renewed"


def test_keys_of_the_headers_stand_in_without_environment(fc):
    given = {"X_Fc_Access_Key_Id": "i", "X_Fc_Access_Key_Secret": "s", "X_Fc_Security_Token": "t"}
    assert fc.invoke({"do": "keys"}, **given).json() == ["i", "s", "t"]
    assert fc.invoke({"do": "keys"}).json() == ["", "", ""]


def soon(condition) -> bool:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("do", ["waits", "awaits"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_handler_can_ask_whether_its_caller_has_gone(fc, do, how):
    assert fc.invoke({"do": "not_gone"}).json() is False
    request_id = str(uuid4())
    body = b'{"do": "%b"}' % do.encode()
    head = f"POST /invoke HTTP/1.1\r\nHost: x\r\nX-Fc-Request-Id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    with fc.connect() as sock:
        sock.sendall(head.encode() + body)
        assert soon(lambda: f"Start RequestId: {request_id}" in fc.process.log())
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert soon(lambda: f"{request_id} gone" in fc.process.log())
    assert soon(lambda: f"FC Invoke End RequestId: {request_id}\n" in fc.process.log())


def test_logging_in_the_cloud_s_format(start_fc):
    side = start_fc("def handler(event, context):\n    import logging\n    logging.warning('two\\nlines')\n")
    side.invoke({}, X_Fc_Request_Id="1-log")
    assert re.search(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 1-log \[WARNING\] two\nlines$", side.process.log(), re.MULTILINE
    )

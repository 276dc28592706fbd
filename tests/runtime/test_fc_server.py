"""The FC side as a real process over real sockets: contract, framing, slow clients, blocked handlers, signals, PID 1.

Does not prove what Alibaba's gateway sends; it plays the documented contract.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import pytest

APP = """
import asyncio, os, subprocess, sys, threading, time
from runtime import response

def handler(event, context):
    if isinstance(event, dict) and event.get("version") == "2.0":
        return globals()[event["rawPath"].strip("/") or "whole"](event, context)
    if isinstance(event, dict) and "do" in event:
        return globals()[event["do"]](event, context)
    return event

def whole(event, context):
    return event

def invoke(event, context):
    return "the public's own /invoke"

initialize = pre_stop = invoke

def fail(event, context):
    raise ValueError("secret of the inside")

def leave(event, context):
    sys.exit(3)

def sleep(event, context):
    time.sleep(event["seconds"])
    return threading.get_ident()

async def asleep(event, context):
    await asyncio.sleep(event["seconds"])
    return context.request_id

def waits(event, context):
    for _ in range(500):
        if context.caller_gone:
            print(context.request_id, "gone", flush=True)
            return "gone"
        time.sleep(0.01)

async def awaits(event, context):
    for _ in range(500):
        if context.caller_gone:
            print(context.request_id, "gone", flush=True)
            return "gone"
        await asyncio.sleep(0.01)

def not_gone(event, context):
    return context.caller_gone

async def aexit(event, context):
    sys.exit(3)

def nan(event, context):
    return float("nan")

def raw(event, context):
    return b"\\x00\\xff"

def teapot(event, context):
    return {"statusCode": 201, "headers": {"X-One": "1", "content-type": "text/css", "Content-Length": "99",
        "Connection": "close", "x-fc-status": "200", "X-Num": 5, "X-Bool": True},
        "cookies": ["a=1", "b=2"], "body": "é"}

def based(event, context):
    return response(200, b"\\x00\\xff")

def empty(event, context):
    return {"statusCode": 204}

def injected(event, context):
    return {"statusCode": 200, "headers": {"x": "a\\r\\nSet-Cookie: b"}, "body": ""}

def status(event, context):
    return {"statusCode": event["queryStringParameters"]["s"]}

def objectbody(event, context):
    return {"statusCode": 200, "body": {"a": 1}}

def badbase(event, context):
    return {"statusCode": 200, "body": "a", "isBase64Encoded": True}

def keys(event, context):
    keys = context.credentials
    return [keys.access_key_id, keys.access_key_secret, keys.security_token]

def renew(event, context):
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "renewed"

def facts(event, context):
    return [context.cloud, context.request_id, context.function_name, context.function_version,
            context.memory_limit_in_mb,
            context.region, context.account_id, context.invoked_function_arn, context.log_group_name,
            context.log_stream_name,
            context.remaining_ms()]

def big(event, context):
    return "x" * event["size"]

def fork(event, context):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return "parent"
    return "child"

def orphan(event, context):
    subprocess.run(["/bin/sh", "-c", "/bin/sh -c 'sleep 0.1' &"], check=True)
    return os.getpid()

def exit_code(event, context):
    return subprocess.run(["/bin/sh", "-c", "exit 7"]).returncode
"""


@pytest.fixture(scope="module")
def shared(start_fc):
    return start_fc(APP)


@pytest.fixture
def fc(shared):
    """One process for all abuse: whatever happened, it serves the next request."""
    yield shared
    assert shared.invoke({"still": "here"}).json() == {"still": "here"}


@pytest.fixture(scope="module")
def stalled(shared):
    """From the first test on, two connections: one that was used once and idles, and one whose head never ends.

    A call that gives what the latter received, the seconds until it was cut, and the idle one.
    """
    idle, sock = shared.connect(), shared.connect()
    assert shared.call_on(shared.reader(idle), "POST", "/invoke", b"1").json() == 1
    sock.sendall(b"GET / HTTP/1.1\r\nHos")
    begin = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        cut = pool.submit(lambda: (sock.recv(100), time.monotonic() - begin, idle))
        yield cut.result
    sock.close()
    idle.close()


def test_life_cycle_and_markers(fc, stalled):
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


def test_the_port_is_open_before_the_handler_is_imported(start_fc):
    side = start_fc("import time\ntime.sleep(1.5)\ndef handler(event, context):\n    return 'ready'\n")
    begin = time.monotonic()
    side.connect().close()
    assert time.monotonic() - begin < 1.0
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(side.invoke, {}), pool.submit(side.call, "POST", "/initialize")]
        assert [reply.result().path for reply in waiting] == ["200", "200"]


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


def test_connections_are_kept_and_pipelines_answered_in_order(fc):
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


RAW = b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n7"


def test_the_length_of_an_answer_to_head_is_that_of_get_or_left_out(fc):
    assert fc.http("HEAD", "/based").headers["content-length"] == "2"
    assert "content-length" not in fc.http("HEAD", "/status?s=200").headers
    assert fc.http("GET", "/status?s=200").headers["content-length"] == "0"


def test_half_close_and_http_1_0(fc):
    with fc.connect() as sock:
        sock.sendall(RAW)
        sock.shutdown(socket.SHUT_WR)
        assert fc.read_reply(fc.reader(sock)).json() == 7
    reply = fc.exchange(b"POST /invoke HTTP/1.0\r\nContent-Length: 1\r\n\r\n7")
    assert reply.endswith(b"Connection: close\r\n\r\n7")


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


def test_200_at_once_and_none_mixed_up(fc):
    with ThreadPoolExecutor(50) as pool:
        replies = list(
            pool.map(lambda number: fc.invoke({"n": number}, X_Fc_Request_Id=f"r{number}").json(), range(200))
        )
    assert replies == [{"n": number} for number in range(200)]


def blocked(fc, count: int, event: dict, stack: ExitStack) -> list:
    body = json.dumps(event).encode()
    readers = [fc.reader(stack.enter_context(fc.connect())) for _ in range(count)]
    for number, reader in enumerate(readers):
        head = f"POST /invoke HTTP/1.1\r\nHost: x\r\nX-Fc-Request-Id: r{number}\r\nContent-Length: {len(body)}\r\n\r\n"
        reader.sock.sendall(head.encode() + body)
    return readers


def test_200_blocked_handlers_beside_the_life_cycle(fc):
    with ExitStack() as stack:
        begin = time.monotonic()
        readers = blocked(fc, 200, {"do": "sleep", "seconds": 3}, stack)
        time.sleep(0.8)
        asked = time.monotonic()
        assert fc.call("POST", "/initialize").path == "200"
        assert time.monotonic() - asked < 0.5
        threads = {fc.read_reply(reader).json() for reader in readers}
        assert time.monotonic() - begin < 6
        assert len(threads) == 200
    # After the burst, a thread is not spawned or woken for nothing.
    with fc.connect() as sock:
        for _ in range(20):
            fc.call_on(fc.reader(sock), "POST", "/invoke", b"1")


def test_handlers_that_begin_to_block_under_fast_traffic_cost_the_others_nothing(start_fc):
    """Then a thread holds connections of which the kernel tells no other, and the watch must hand them on."""
    fc = start_fc(APP)
    slow: list = []
    with ExitStack() as stack:
        for _ in range(3):
            fast = blocked(fc, 40, {"n": 1}, stack)
            assert [fc.read_reply(reader).json() for reader in fast] == [{"n": 1}] * 40
            time.sleep(0.2)
            slow += blocked(fc, 40, {"do": "sleep", "seconds": 7}, stack)
            assert fc.call("POST", "/initialize").path == "200"
        assert select.select([reader.sock for reader in slow], [], [], 0)[0] == [], "the others waited for these"


def test_handlers_that_block_a_little_and_never_all_at_once_get_their_threads_too(start_fc):
    fc = start_fc(APP)
    event = b'{"do": "sleep", "seconds": 0.02}'
    end = time.monotonic() + 2
    late: list[float] = []

    def caller(number: int) -> None:
        with fc.connect() as sock:
            reader = fc.reader(sock)
            time.sleep(number * 0.015)
            while (begin := time.monotonic()) < end:
                fc.call_on(reader, "POST", "/invoke", event)
                if begin > end - 0.5:
                    late.append(time.monotonic() - begin)
                time.sleep(number % 7 * 0.003)

    with ThreadPoolExecutor(60) as pool:
        list(pool.map(caller, range(60)))
    assert sorted(late)[len(late) // 2] < 0.06, "four threads alone would take 0.2 s"


def test_a_sole_connection_and_others_beside_it(start_fc):
    fc = start_fc(APP)
    with fc.connect() as sole:
        for number in range(3):
            assert fc.call_on(fc.reader(sole), "POST", "/invoke", b"%d" % number).json() == number
        time.sleep(1.3)  # longer than a thread waits on it alone
        assert fc.call_on(fc.reader(sole), "POST", "/invoke", b"3").json() == 3
        with fc.connect() as other:
            assert fc.call_on(fc.reader(other), "POST", "/invoke", b"4").json() == 4
            sole.sendall(RAW[:30])
            assert fc.call_on(fc.reader(other), "POST", "/invoke", b"5").json() == 5
            sole.sendall(RAW[30:])
            assert fc.read_reply(fc.reader(sole)).json() == 7
        sole.sendall(RAW + RAW)
        reader = fc.reader(sole)
        assert [fc.read_reply(reader).json() for _ in range(2)] == [7, 7]
        sole.shutdown(socket.SHUT_WR)
        assert sole.recv(1) == b""
    assert fc.invoke(6).json() == 6


def test_a_handler_s_default_timeout_is_not_the_server_s(start_fc):
    fc = start_fc(
        "import socket\nsocket.setdefaulttimeout(0.2)\ndef handler(event, context):\n    return 'x' * event\n"
    )
    assert fc.invoke(1).json() == "x"
    with fc.connect() as sock:
        reader = fc.reader(sock)
        for size in (1, 20_000_000, 1):
            time.sleep(0.5)
            body = b"%d" % size
            sock.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            time.sleep(0.5)
            assert len(fc.read_reply(reader).json()) == size


def test_async_handlers_share_one_loop(fc):
    with ExitStack() as stack:
        begin = time.monotonic()
        readers = blocked(fc, 50, {"do": "asleep", "seconds": 1}, stack)
        assert [fc.read_reply(reader).json() for reader in readers] == [f"r{number}" for number in range(50)]
        assert time.monotonic() - begin < 5


def test_300_idle_and_slow_connections_beside_traffic(fc):
    with ExitStack() as stack:
        idle = [stack.enter_context(fc.connect()) for _ in range(150)]
        slow = [stack.enter_context(fc.connect()) for _ in range(150)]
        for sock in slow:
            sock.sendall(b"POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1")
        for number in range(50):
            assert fc.invoke(number).json() == number
        sock = idle[0]
        sock.sendall(RAW)
        assert fc.read_reply(fc.reader(sock)).json() == 7
        slow[0].sendall(b"2345")
        assert fc.read_reply(fc.reader(slow[0])).json() == 12345


def test_a_client_that_leaves_harms_no_one(fc):
    before = len(fc.process.log())
    for _ in range(20):
        with fc.connect() as sock:
            sock.sendall(b'POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{"do":"big","size":3000000}')
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert "[ERROR]" not in fc.process.log()[before:]


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


def test_a_caller_that_only_stops_sending_still_gets_its_answer(fc):
    with fc.connect() as sock:
        sock.sendall(b'POST /invoke HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{"do": "waits"}')
        sock.shutdown(socket.SHUT_WR)
        assert fc.read_reply(fc.reader(sock)).json() == "gone"


def test_a_forked_child_never_answers_for_its_parent(fc):
    assert fc.exchange(b'POST /invoke HTTP/1.0\r\nContent-Length: 13\r\n\r\n{"do":"fork"}').endswith(b'"parent"')


def test_sigterm_lets_running_requests_end(start_fc):
    side = start_fc(APP)
    with ExitStack() as stack:
        [reader] = blocked(side, 1, {"do": "sleep", "seconds": 1}, stack)
        time.sleep(0.3)
        side.process.popen.send_signal(signal.SIGTERM)
        assert isinstance(side.read_reply(reader).json(), int)
    assert side.process.exit_status() == 0


def test_a_taken_port_and_a_wrong_one_are_one_sentence(start_fc):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        side = start_fc(APP, FC_CUSTOM_LISTEN_PORT=str(taken.getsockname()[1]))
        assert side.process.exit_status() == 1
    for port in ("seventy", "70000"):
        side = start_fc(APP, FC_CUSTOM_LISTEN_PORT=port)
        assert side.process.exit_status() == 1
        [line] = side.process.log().splitlines()
        assert line.startswith(f"[ERROR] cannot listen on 0.0.0.0:{port}: ")


def test_the_port_falls_back(start_fc):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    side = start_fc(APP, FC_CUSTOM_LISTEN_PORT="", FC_SERVER_PORT=str(port))
    side.port = port
    assert side.invoke(1).json() == 1


def test_logging_in_the_cloud_s_format(start_fc):
    side = start_fc("def handler(event, context):\n    import logging\n    logging.warning('two\\nlines')\n")
    side.invoke({}, X_Fc_Request_Id="1-log")
    assert re.search(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 1-log \[WARNING\] two\nlines$", side.process.log(), re.MULTILINE
    )


def can_unshare() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-pf", "--mount-proc", "true"], check=False).returncode == 0


@pytest.fixture
def as_pid_1(start_fc):
    if not can_unshare():
        pytest.skip("this machine allows no PID namespace")
    return start_fc(APP, wrapper=("unshare", "-pf", "--kill-child", "--mount-proc"), PATH=os.environ["PATH"])


def test_as_pid_1_orphans_are_reaped_and_exit_statuses_kept(as_pid_1):
    assert as_pid_1.invoke({"do": "orphan"}).json() > 1
    assert [as_pid_1.invoke({"do": "exit_code"}).json() for _ in range(5)] == [7] * 5
    time.sleep(0.5)
    init = children(as_pid_1.process.popen.pid)[0]
    states = [stat_of(pid) for pid in children(init)]
    assert len(states) == 1, "besides the server, nothing is left below PID 1"
    assert "Z" not in states


def test_as_pid_1_sigterm_reaches_the_server(as_pid_1):
    as_pid_1.invoke(1)
    os.kill(children(as_pid_1.process.popen.pid)[0], signal.SIGTERM)
    assert as_pid_1.process.exit_status() == 0


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def stat_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2].split()[0]


def test_a_head_that_does_not_end_is_cut_and_an_idle_connection_is_not(fc, stalled):
    received, seconds, idle = stalled()
    assert received == b""
    assert 9 < seconds < 13
    time.sleep(1.5)
    assert fc.call_on(fc.reader(idle), "POST", "/invoke", b"1").json() == 1


def test_threads_stay_few_under_fast_traffic(start_fc):
    fc = start_fc(APP)

    def caller() -> None:
        with fc.connect() as sock:
            reader = fc.reader(sock)
            for number in range(200):
                assert fc.call_on(reader, "POST", "/invoke", b"%d" % number).json() == number

    callers = [threading.Thread(target=caller) for _ in range(10)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    with open(f"/proc/{fc.process.popen.pid}/status") as file:
        threads = int(re.search(r"Threads:\s+(\d+)", file.read()).group(1))
    assert threads <= 10 + 2 + 1, "one a connection, two that wait, the main one"

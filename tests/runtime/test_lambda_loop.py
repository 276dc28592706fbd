"""From an event to its result on Lambda: context, events, results, errors, what is logged; a start that fails.

A real process over real sockets, the Runtime API played by hand. Does not prove that AWS's own API behaves like this
one; the emulator layer sets AWS's implementation against it.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.runtime.sources import ECHO, FAULTS


@pytest.fixture(scope="module")
def faulty(start_lambda):
    return start_lambda(FAULTS)


@pytest.fixture
def faults(faulty):
    """One process for all faults: whatever happened, it serves the next invocation."""
    yield faulty
    assert faulty.result({"do": "none"}) is None


def test_every_header_of_an_event_reaches_the_context(start_lambda):
    source = """
import os
from runtime import Context

def handler(event, context):
    assert isinstance(context, Context)
    return {
        "request": [context.aws_request_id, context.request_id],
        "arn": context.invoked_function_arn, "account": context.account_id, "region": context.region,
        "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
        "logs": [context.log_group_name, context.log_stream_name],
        "tenant": context.tenant_id, "trace": [context.trace_id, os.environ.get("_X_AMZN_TRACE_ID")],
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "client": context.client_context and [context.client_context.custom, context.client_context.env,
            context.client_context.client and context.client_context.client.app_title],
        "w3c": dict(context.w3c()), "cloud": context.cloud,
        "left": context.get_remaining_time_in_millis(), "left_too": context.remaining_ms(),
        "keys": [context.credentials.access_key_id, context.credentials.security_token, repr(context.credentials)],
    }
"""
    environ = {
        "AWS_LAMBDA_FUNCTION_NAME": "hello", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_REGION": "ap-northeast-1",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello", "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
    }  # fmt: skip
    side = start_lambda(source, **environ)
    client = {
        "client": {"app_title": "t"},
        "custom": {"é": 1},
        "env": {"e": 2},
        "w3c": {"traceparent": "00-1", "x": "y"},
    }
    told = side.result(
        {},
        Lambda_Runtime_Trace_Id="Root=1-2;Parent=3;Sampled=1",
        Lambda_Runtime_Aws_Tenant_Id="tenant-1",
        Lambda_Runtime_Client_Context=json.dumps(client, ensure_ascii=False).encode().decode("latin-1"),
        Lambda_Runtime_Cognito_Identity='{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
    )
    assert told["request"] == ["8476a536-e9f4-11e8-9739-000000000001"] * 2
    assert told["arn"] == "arn:aws:lambda:ap-northeast-1:123456789012:function:hello"
    assert (told["account"], told["region"], told["cloud"]) == ("123456789012", "ap-northeast-1", "aws")
    assert (told["name"], told["version"], told["memory"]) == ("hello", "$LATEST", "512")
    assert told["logs"] == ["/aws/lambda/hello", "s"]
    assert told["tenant"] == "tenant-1"
    assert told["trace"] == ["Root=1-2;Parent=3;Sampled=1"] * 2
    assert told["identity"] == ["i", "p"]
    assert told["client"] == [{"é": 1}, {"e": 2}, "t"]
    assert told["w3c"] == {"traceparent": "00-1"}
    assert 25_000 < told["left"] <= 30_000
    assert 25_000 < told["left_too"] <= 30_000
    assert told["keys"][:2] == ["AKIA", "token"]
    assert "secret" not in told["keys"][2]

    told = side.result({}, Lambda_Runtime_Deadline_Ms="1")
    assert told["trace"] == [None, None], "a trace id must not leak into the next invocation"
    assert told["tenant"] is told["client"] is None
    assert told["identity"] == [None, None]
    assert (told["left"], told["w3c"]) == (0, {})


@pytest.mark.parametrize("header", ["{", "[1]", "null", '"x"', "[" * 5_000])
def test_a_broken_client_context_is_no_fault_of_the_handler(start_lambda, header):
    side = start_lambda(ECHO)
    assert side.result({"a": 1}, Lambda_Runtime_Client_Context=header, Lambda_Runtime_Cognito_Identity=header) == {
        "a": 1
    }


def test_the_trace_is_kept_out_of_the_c_library_which_would_keep_it(start_lambda):
    source = """
import os, subprocess

def handler(event, context):
    inherited = subprocess.run(["env"], capture_output=True, check=True).stdout.decode()
    return [os.environ.get("_X_AMZN_TRACE_ID"), inherited]
"""
    side = start_lambda(source)
    seen, inherited = side.result(0, **{"Lambda-Runtime-Trace-Id": "Root=1-é"})
    assert seen == "Root=1-é"
    assert "_X_AMZN_TRACE_ID" not in inherited
    assert side.result(0)[0] is None


def test_an_event_that_is_no_json(start_lambda):
    side = start_lambda(ECHO)
    for event in (b"{", b"\xff", b'{"a":1} x', b"[" * 100_000):
        failure = side.failure(event).json()
        assert failure["errorType"] == "Runtime.UnmarshalError"
        assert failure["errorMessage"].startswith("Unable to unmarshal input: ")
    assert side.result(b"") == {}
    assert side.result(b'\xef\xbb\xbf {"bom": 1} \r\n') == {"bom": 1}
    assert side.result(b" \n[1]") == [1]


def test_other_media_types_arrive_as_bytes(start_lambda):
    side = start_lambda(ECHO)
    assert side.invoke(b"\x00raw", Content_Type="application/octet-stream").body == b"\x00raw"
    assert side.result(b"1", Content_Type="application/json; charset=utf-8") == 1


def test_results_as_aws_encodes_them(faults):
    def body(do):
        posted = faults.invoke({"do": do})
        assert posted.path.endswith("/response"), posted.body
        return posted.headers["content-type"], posted.body

    assert body("text") == ("application/json", '"é€😀"'.encode())
    assert body("surrogate") == ("application/json", b'{"x": "\\ud800\\u00e9"}')
    assert body("bytes") == ("application/octet-stream", b"\x00\xff")
    assert body("bytearray") == ("application/octet-stream", b"ab")
    assert body("decimal") == ("application/json", b"[1.10, 1E+3]")
    assert body("none") == ("application/json", b"null")
    assert json.loads(body("rich")[1]) == {
        "at": "2026-11-22T01:02:03", "id": "00000000-0000-0000-0000-000000000001",
        "p": {"x": 1, "when": "2026-01-02"}, "c": "red", "t": [1, 2],
    }  # fmt: skip
    assert body("coroutine") == ("application/json", b'"awaited"')
    assert body("coroutine") == ("application/json", b'"awaited"'), "the loop serves a second one"


HEADER_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
"""What the platform keeps of an error type (aws-lambda-runtime-interface-emulator, fatalerror.go)."""


@pytest.mark.parametrize(
    ("do", "body_type", "message"),
    [
        ("raise", "ZeroDivisionError", "division by zero"),
        ("exit", "SystemExit", "3"),
        ("coroutine_exits", "SystemExit", "4"),
        ("interrupt", "KeyboardInterrupt", ""),
        ("hostile", "Hostile", "<Hostile without text: its __str__ raised SystemExit>"),
        ("lower", "lower_case", "x"),
        ("chained", "RuntimeError", "outer"),
        ("context_only", "RuntimeError", "second"),
        ("noted", "ValueError", "with a note"),
        ("hostile_notes", "ValueError", "x"),
        ("endless", "RecursionError", "maximum recursion depth exceeded"),
        ("nan", "Runtime.MarshalError", "NaN and Infinity have no JSON form"),
        ("decimal_nan", "Runtime.MarshalError", "Decimal('NaN') has no JSON form"),
        ("set", "Runtime.MarshalError", "Object of type set is not JSON serializable"),
        ("bytes_inside", "Runtime.MarshalError", "Object of type bytes is not JSON serializable"),
        ("generator_inside", "Runtime.MarshalError", "Object of type generator is not JSON serializable"),
        ("cyclic", "Runtime.MarshalError", "Circular reference detected"),
        ("deep", "Runtime.MarshalError", "nested too deep"),
        ("big", "Function.ResponseSizeTooLarge", "Response payload size (7000002 bytes) exceeded maximum"),
        ("no such key", "KeyError", "'no such key'"),
    ],
)
def test_what_a_handler_does_wrong_is_reported_and_survived(faults, do, body_type, message):
    posted = faults.failure({"do": do})
    failure = posted.json()
    assert failure["errorType"] == body_type
    assert message in failure["errorMessage"]
    assert set(failure) == {"errorMessage", "errorType", "requestId", "stackTrace"}
    assert failure["requestId"] in posted.path
    assert all("/runtime/" not in entry for entry in failure["stackTrace"]), failure["stackTrace"]
    assert HEADER_TYPE.fullmatch(posted.headers["lambda-runtime-function-error-type"])
    cause = json.loads(posted.headers["lambda-runtime-function-xray-error-cause"])
    assert set(cause) == {"working_directory", "paths", "exceptions"}
    assert cause["exceptions"][0]["type"] == body_type


@pytest.mark.skipif("sys.version_info < (3, 11)")
def test_members_of_a_group_are_told(faults):
    trace = "".join(faults.failure({"do": "group"}).json()["stackTrace"])
    assert "Sub-exception 1: ValueError: one" in trace
    assert "Sub-exception 2: TypeError: two" in trace


def test_what_led_to_an_exception_is_told(faults):
    chained = faults.failure({"do": "chained"})
    assert "Caused by: KeyError: 'missing'\n" in chained.json()["stackTrace"]
    causes = json.loads(chained.headers["lambda-runtime-function-xray-error-cause"])["exceptions"]
    assert [(cause["type"], cause["message"]) for cause in causes] == [
        ("RuntimeError", "outer"),
        ("KeyError", "'missing'"),
    ]
    assert causes[0]["stack"][-1]["label"] == "chained"
    assert "Raised while handling: ValueError" in "".join(faults.failure({"do": "context_only"}).json()["stackTrace"])
    assert "Note: look here\n" in faults.failure({"do": "noted"}).json()["stackTrace"]


@pytest.mark.parametrize("do", ["huge_message", "huge_notes", "huge_chain"])
def test_a_huge_message_stays_within_every_limit(faults, do):
    posted = faults.failure({"do": do})
    assert len(posted.body) < 400_000
    assert len(posted.headers["lambda-runtime-function-xray-error-cause"]) <= 65_536


@pytest.mark.parametrize("do", ["fork_and_return", "fork_and_exit", "coroutine_forks"])
def test_a_forked_child_never_answers_for_its_parent(faults, do):
    assert faults.result({"do": do}) == "from the parent"


def test_dying_is_visible_to_the_platform(start_lambda):
    source = (
        "import os, signal\ndef handler(event, context):\n    os.kill(os.getpid(), event) if event else os._exit(9)\n"
    )
    for event, status in ((0, 9), (11, -11), (2, -2), (15, -15)):
        side = start_lambda(source)
        side.await_next()
        side.send_event(b"%d" % event)
        assert side.process.exit_status() == status


@pytest.mark.parametrize(
    ("source", "handler", "error_type", "message"),
    [
        ("", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("handler = 5", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' of module 'app' is not callable"),
        (
            "",
            "nowhere.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'nowhere': No module named 'nowhere'",
        ),
        (
            "import nonsense_x",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named",
        ),
        ("def f(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("", "", "Runtime.MalformedHandlerName", "Bad handler ''"),
        ("", None, "Runtime.MalformedHandlerName", "Bad handler ''"),
        ("", "sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module 'sys'"),
        ("raise ValueError('at import')", "app.handler", "ValueError", "at import"),
        ("import sys; sys.exit(7)", "app.handler", "SystemExit", "7"),
    ],
)
def test_init_errors_are_posted_with_their_type_and_end_the_process(start_lambda, source, handler, error_type, message):
    side = start_lambda(source, handler)
    posted = side.receive()
    assert (posted.method, posted.path) == ("POST", "/2018-06-01/runtime/init/error")
    failure = posted.json()
    assert failure["errorType"] == error_type
    assert message in failure["errorMessage"]
    header = posted.headers["lambda-runtime-function-error-type"]
    assert HEADER_TYPE.fullmatch(header)
    assert header in {error_type, f"Function.{error_type}"}
    side.answer()
    assert side.process.exit_status() == 1
    assert f"[ERROR] {error_type}: " in side.process.log()


def test_the_place_of_a_failed_import_is_told(start_lambda):
    side = start_lambda("def load():\n    import nonsense_x\nload()\n")
    trace = side.receive().json()["stackTrace"]
    assert [entry.splitlines()[0].rpartition(", ")[2] for entry in trace] == ["in <module>", "in load"]


def test_handler_names_in_packages_and_with_slashes(start_lambda):
    assert start_lambda("", "handlers.hello.handler").result({"firstName": "A"}) == {"message": "Hello, A!"}
    assert start_lambda("", "handlers/hello.handler").result({"firstName": "A"}) == {"message": "Hello, A!"}


def test_output_is_visible_before_the_answer(start_lambda):
    source = """
import logging
logging.getLogger().setLevel(logging.INFO)
def handler(event, context):
    print("printed \\ud800", end="")
    logging.info("two\\nlines")
    logging.debug("not this")
    print("tail", end="")
    if event: raise ValueError("a\\nb")
"""
    side = start_lambda(source)
    side.invoke(0)
    log = side.process.log()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    expected = rf"printed \\ud800\[INFO\]\t{stamp}\t8476a536-e9f4-11e8-9739-000000000001\ttwo\rlines\ntail"
    assert re.fullmatch(expected, log), log
    side.invoke(1)
    record = side.process.log().removeprefix(log)
    error = record[record.index("[ERROR]") :]
    assert error.startswith("[ERROR] ValueError: a\rb\rTraceback (most recent call last):\r")
    assert error.count("\n") == 1, "one failure is one event of CloudWatch Logs"


def test_basic_config_meets_a_handler_that_is_there(start_lambda):
    source = """
import logging
logging.basicConfig(level=logging.INFO, format="mine %(message)s")
def handler(event, context):
    logging.warning("w")
    return len(logging.getLogger().handlers)
"""
    side = start_lambda(source)
    assert side.result(0) == 1
    assert side.process.log().startswith("[WARNING]\t")


def test_threads_of_a_handler_log_with_its_request_id(start_lambda):
    source = """
import logging, threading
def handler(event, context):
    thread = threading.Thread(target=lambda: logging.error("from a thread"))
    thread.start()
    thread.join()
"""
    side = start_lambda(source)
    side.invoke(0)
    assert "\t8476a536-e9f4-11e8-9739-000000000001\tfrom a thread" in side.process.log()


def test_the_start_imports_nothing_that_costs(start_lambda):
    source = "import sys\ndef handler(event, context):\n    return sorted(sys.modules)\n"
    modules = set(start_lambda(source).result(0))
    costly = {"re", "enum", "json", "logging", "socket", "threading", "traceback", "typing", "collections", "asyncio"}
    assert not modules & costly

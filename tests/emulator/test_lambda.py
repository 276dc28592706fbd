"""The built zip under AWS's own Runtime Interface Emulator, in a root without Python and without a C library.

Does not prove: limits of memory and time, IAM, freezing between invocations, response streaming, X-Ray, or that the
processor and kernel of the real Lambda behave as this machine's; the emulator has none of these.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os

import pytest

from tests.emulator import network
from tests.emulator.room import free_port

pytestmark = pytest.mark.emulator

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "ap-northeast-1",
    "AWS_LAMBDA_FUNCTION_NAME": "hello",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/task:/var/task/lib:/opt/lib",
    "TZ": ":UTC",
}


class Function:
    def __init__(self, port, log):
        self.port = port
        self.log = log

    def invoke(self, event):
        status, body = self.ask(event)
        assert status == 200, self.log.read_text(errors="replace")
        return body

    def ask(self, event):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body


@pytest.fixture(scope="module")
def start(rooms, emulator, way, tmp_path_factory):
    """Starts the emulator with a handler; one invocation at a time, as it takes no more."""
    stack = contextlib.ExitStack()

    def started(handler, path=("/var/task/bootstrap",), **environment):
        port, log = free_port(), tmp_path_factory.mktemp("log") / "log"
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        running = rooms.running(way, [emulator, *addresses, *path, handler], ENVIRONMENT | environment, log, port)
        stack.enter_context(running)
        return Function(port, log)

    with stack:
        yield started


def test_hello(hello):
    assert hello.invoke({"firstName": "Rustacean"}) == b'{"message": "Hello, Rustacean!"}'


def test_event_that_the_emulator_sends_in_chunks(probe):
    payload = "云" * 1000
    assert json.loads(probe.invoke({"do": "echo", "payload": payload})) == payload


def test_5_mb_there_and_back(probe):
    payload = "x" * 5_000_000
    assert json.loads(probe.invoke({"do": "echo", "payload": payload})) == payload


def test_handler_error_is_reported_and_the_next_event_served(probe):
    error = json.loads(probe.invoke({"do": "fail", "message": "asked to"}))
    assert error["errorType"] == "ValueError"
    assert error["errorMessage"] == "asked to"
    assert any("handlers/probe.py" in line for line in error["stackTrace"])
    assert json.loads(probe.invoke({"do": "echo", "payload": 1})) == 1


def test_what_the_zip_finds_around_it(probe):
    facts = json.loads(probe.invoke({"do": "facts"}))
    assert facts.pop("python").startswith("3.")
    assert facts.pop("executable").startswith("python/bin/python3.")
    assert facts == {
        "known_user": False,
        "code_writable": False,
        "host_libraries": [],
        "certificates": "/etc/pki/tls/certs/ca-bundle.crt",
        "tls": True,
        "gbk": "d4c6",
        "sqlite": 42,
        "child": True,
        "data": "a data file beside the handler: 云",
    }


def test_wheel_of_the_handlers_requirements(probe):
    assert json.loads(probe.invoke({"do": "wheel"})) == ["&lt;", "deps"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """What a handler has to know of a TLS server that only a name server knows."""
    if os.getuid() != 0:
        pytest.skip("a name server needs port 53, and that needs root")
    certificate, key = network.certificate(tmp_path_factory.mktemp("tls"))
    with network.name_server(), network.tls_server(certificate, key) as port:
        yield {"do": "secured", "port": port, "authority": certificate.read_text(), "name": network.NAME}


def test_tls_to_a_server_found_by_name(probe, server):
    assert json.loads(probe.invoke({**server, "expected": network.NAME})) == "hello"


def test_tls_to_a_server_of_another_name_or_authority_is_refused(probe, server, tmp_path):
    refused = json.loads(probe.invoke({**server, "expected": "other.isthmus.test"}))
    assert refused["errorType"] == "SSLCertVerificationError"
    stranger, _ = network.certificate(tmp_path)
    refused = json.loads(probe.invoke({**server, "authority": stranger.read_text(), "expected": network.NAME}))
    assert refused["errorType"] == "SSLCertVerificationError"


def test_unknown_name(probe, server):
    refused = json.loads(probe.invoke({**server, "name": "nobody.isthmus.test", "expected": network.NAME}))
    assert refused["errorType"] == "gaierror"


@pytest.fixture(scope="module")
def faulty(start):
    return start("handlers.faulty.handler", AWS_LAMBDA_FUNCTION_TIMEOUT="3")


@pytest.mark.parametrize(
    ("do", "error_type"),
    [
        ("exit", "SystemExit"),
        ("group", "ExceptionGroup"),
        ("nan", "Runtime.MarshalError"),
        ("big", "Function.ResponseSizeTooLarge"),
    ],
)
def test_faults_are_reported_and_the_same_process_serves_on(faulty, do, error_type):
    before = faulty.invoke({"do": "nothing"})
    assert json.loads(faulty.invoke({"do": do}))["errorType"] == error_type
    assert faulty.invoke({"do": "nothing"}) == before


def test_the_largest_result_and_odd_text_arrive(faulty):
    assert len(faulty.invoke({"do": "largest"})) == 6_291_556
    assert faulty.invoke({"do": "surrogate"}) == b'"\\ud800"'


def test_a_streamed_result_is_gathered_by_the_emulator(faulty):
    assert faulty.invoke({"do": "pieces"}) == b"first;second"
    assert faulty.invoke({"do": "nothing"})


@pytest.mark.parametrize(("do", "told"), [("die", "exit status 7"), ("segfault", "segmentation fault")])
def test_a_process_that_dies_is_told_of_and_replaced(faulty, do, told):
    before = faulty.invoke({"do": "nothing"})
    _, body = faulty.ask({"do": do})
    error = json.loads(body)
    assert error["errorType"] == "Runtime.ExitError"
    assert told in error["errorMessage"]
    assert faulty.invoke({"do": "nothing"}) != before


def test_a_timeout_runs_the_shutdown_hooks_and_the_next_event_is_served(faulty):
    """The runtime has registered an extension for its hook; only therefore is it told before it is killed."""
    assert "the hook ran" not in faulty.log.read_text(errors="replace")
    _, body = faulty.ask({"do": "sleep"})
    assert b"Task timed out after 3.00 seconds" in body
    assert "the hook ran" in faulty.log.read_text(errors="replace")
    assert faulty.invoke({"do": "nothing"})


def test_missing_handler_is_an_error_of_the_start(start):
    function = start("handlers.nobody.handler")
    connection = http.client.HTTPConnection("127.0.0.1", function.port, timeout=60)
    connection.request("POST", "/2015-03-31/functions/function/invocations", "{}")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert "handlers.nobody" in answer["errorMessage"]
    assert answer["errorType"].startswith("Runtime.")


def test_room_holds_no_python_and_no_library(rooms):
    outside = [path for path in rooms.folder.iterdir() if path.name not in {"var", "code"}]
    names = {name for top in outside for _, _, files in os.walk(top) for name in files}
    assert names <= {"sh", "null", "ca-bundle.crt", "resolv.conf"} | {
        name for name in names if name.startswith("aws-lambda-rie")
    }

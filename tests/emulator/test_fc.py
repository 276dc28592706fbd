"""The built zip as a web function: what Function Compute does to an instance, from start to stop, over plain HTTP.

Does not prove: that the real gateway sends just these headers, its limits, its credentials, its log service; there is
no emulator of the vendor's that runs without Docker.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.emulator.room import free_port

pytestmark = pytest.mark.emulator

COMMON = {
    "x-fc-request-id": "1-5c0e0f3a-1",
    "x-fc-access-key-id": "",
    "x-fc-access-key-secret": "",
    "x-fc-security-token": "",
    "x-fc-function-name": "hello",
    "x-fc-function-handler": "handlers.hello.handler",
    "x-fc-function-memory": "512",
    "x-fc-function-timeout": "30",
    "x-fc-region": "cn-hongkong",
    "x-fc-account-id": "1234567890123456",
    "x-fc-version-id": "",
    "x-fc-qualifier": "LATEST",
}


class Instance:
    def __init__(self, port, log):
        self.port = port
        self.log = log

    def call(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {**COMMON, **dict(headers)})
        response = connection.getresponse()
        answer = response.status, dict(response.getheaders()), response.read()
        connection.close()
        return answer

    def initialize(self):
        return self.call("POST", "/initialize", headers={"x-fc-control-path": "/initialize"})

    def invoke(self, event):
        headers = {"x-fc-control-path": "/invoke", "content-type": "application/octet-stream"}
        return self.call("POST", "/invoke", json.dumps(event), headers)

    def trigger(self, method, path, body=None):
        return self.call(method, path, body, {"x-fc-control-path": "/http-invoke"})


@pytest.fixture(scope="module")
def start(rooms, way, tmp_path_factory):
    stack = contextlib.ExitStack()

    def started(handler):
        port, log = free_port(), tmp_path_factory.mktemp("log") / "log"
        environment = {
            "FC_FUNC_CODE_PATH": "/code",
            "FC_CUSTOM_LISTEN_PORT": str(port),
            "FC_FUNCTION_HANDLER": handler,
            "FC_FUNCTION_NAME": "hello",
            "FC_FUNCTION_MEMORY_SIZE": "512",
            "FC_REGION": "cn-hongkong",
            "FC_ACCOUNT_ID": "1234567890123456",
            "FC_INSTANCE_ID": "c-1",
        }
        running = rooms.running(way, ["/code/bootstrap"], environment, log, port)
        stack.enter_context(running)
        instance = Instance(port, log)
        assert instance.initialize()[0] == 200, log.read_text(errors="replace")
        return instance

    with stack:
        yield started


def test_invoke(hello):
    assert hello.invoke({"firstName": "Rustacean"})[2] == b'{"message": "Hello, Rustacean!"}'


def test_http_trigger_gives_the_same_bytes(hello):
    status, headers, body = hello.trigger("POST", "/", '{"firstName":"Rustacean"}')
    assert (status, body) == (200, b'{"message": "Hello, Rustacean!"}')
    assert headers["Content-Type"] == "application/json"


def test_public_request_for_a_life_cycle_path_is_the_handlers(hello):
    status, _, body = hello.trigger("POST", "/invoke", '{"firstName":"Rustacean"}')
    assert (status, body) == (200, b'{"message": "Hello, Rustacean!"}')


def test_handler_error_is_reported_and_the_next_event_served(probe):
    _, headers, body = probe.invoke({"do": "fail", "message": "asked to"})
    assert headers["x-fc-status"] == "404"
    assert json.loads(body)["errorType"] == "ValueError"
    assert json.loads(probe.invoke({"do": "echo", "payload": 1})[2]) == 1


def test_5_mb_there_and_back(probe):
    payload = "x" * 5_000_000
    assert json.loads(probe.invoke({"do": "echo", "payload": payload})[2]) == payload


def test_20_requests_at_once_are_not_mixed_up(hello):
    def greeted(number):
        return hello.trigger("POST", "/", json.dumps({"firstName": str(number)}))[2]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(greeted, range(100)))
    assert answers == [b'{"message": "Hello, %d!"}' % number for number in range(100)]


def test_what_the_zip_finds_around_it(probe):
    facts = json.loads(probe.invoke({"do": "facts"})[2])
    assert facts["code_writable"] is False
    assert facts["known_user"] is False
    assert facts["host_libraries"] == []
    assert facts["child"] is True


def test_pre_stop(start):
    instance = start("handlers.hello.handler")
    assert instance.call("GET", "/pre-stop")[0] == 200

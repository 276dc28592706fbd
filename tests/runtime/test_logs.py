"""What a function says, in each format. Does not prove how a cloud's log service cuts what it gets into records."""

from __future__ import annotations

import functools
import json
import os
import re
import socket
import struct
import threading
import time

import pytest

from tests.runtime.conftest import LambdaSide

SPEAKS = """
def handler(event, context):
    import logging
    log = logging.getLogger("mine")
    log.debug("too low")
    log.info("hello %s", "you", extra={"orderId": 7, "odd": {1}, "rates": [float("nan")]})
    log.warning({"an": "object"})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("two\\nlines")
    if event.get("fail"):
        raise ValueError("asked to")
    return logging.getLogger().level
"""
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def records(side):
    return [json.loads(line) for line in side.process.log().splitlines()]


@pytest.fixture
def json_side(start_lambda):
    return start_lambda(SPEAKS, AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO")


def test_json_records(json_side):
    assert json_side.result({}, Lambda_Runtime_Aws_Tenant_Id="tenant") == 20
    info, warning, exception = records(json_side)
    assert re.fullmatch(TIME, info.pop("timestamp"))
    request_id = info.pop("requestId")
    assert request_id.startswith("8476a536-")
    expected = {"level": "INFO", "message": "hello you", "logger": "mine", "orderId": 7, "odd": "{1}", "rates": ["nan"]}
    assert info == expected | {"tenantId": "tenant"}
    assert (warning["level"], warning["message"]) == ("WARNING", {"an": "object"})
    assert (exception["errorType"], exception["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert exception["message"] == "two\nlines"
    assert "1 / 0" in "".join(exception["stackTrace"])
    assert exception["location"].endswith("app.py:handler:11")


def test_json_failure_is_one_record(json_side):
    json_side.failure({"fail": 1})
    failure = records(json_side)[-1]
    assert (failure["level"], failure["errorType"], failure["errorMessage"]) == ("ERROR", "ValueError", "asked to")
    assert failure["stackTrace"]
    assert failure["requestId"].startswith("8476a536-")


def test_the_runtimes_own_words_are_json_too(json_side):
    json_side.invoke({}, status=400)
    json_side.await_next()
    assert records(json_side)[-1]["level"] == "WARNING"
    assert "400" in records(json_side)[-1]["message"]


@pytest.mark.parametrize(("given", "level"), [("TRACE", 10), ("FATAL", 50), ("warn", 30), ("nonsense", 30), ("", 30)])
def test_level(start_lambda, given, level):
    assert start_lambda(SPEAKS, AWS_LAMBDA_LOG_LEVEL=given).result({}) == level


def test_text_stays_the_default(start_lambda):
    side = start_lambda(SPEAKS)
    side.result({})
    first, second = side.process.log().split("\n")[:2]
    assert re.fullmatch(rf"\[WARNING\]\t{TIME}\t8476a536-\S+\t{{'an': 'object'}}", first)
    assert re.match(rf"\[ERROR\]\t{TIME}\t8476a536-\S+\ttwo\rlines\rTraceback", second)


def frames(data):
    while data:
        kind, length, micros = struct.unpack(">IIQ", data[:16])
        yield kind, micros, data[16 : 16 + length].decode()
        data = data[16 + length :]


@pytest.mark.parametrize(("log_format", "less"), [("Text", 0), ("JSON", 1)])
def test_records_go_in_frames_where_lambda_gives_a_descriptor(start_lambda, log_format, less):
    # The descriptor is that of stdout here, which the test can read.
    side = start_lambda(
        SPEAKS, _LAMBDA_TELEMETRY_LOG_FD="1", AWS_LAMBDA_LOG_FORMAT=log_format, AWS_LAMBDA_LOG_LEVEL="INFO"
    )
    side.failure({"fail": 1})
    found = list(frames((side.process.root / "log").read_bytes()))
    assert [kind + less for kind, _, _ in found] == [0xA55A000F, 0xA55A0013, 0xA55A0017, 0xA55A0017]
    assert all(abs(micros - found[0][1]) < 60_000_000 for _, micros, _ in found)
    assert "two\nlines" in found[2][2] or "two\\nlines" in found[2][2]
    assert "asked to" in found[3][2]


LONG = """
import logging, os, subprocess, sys
log = logging.getLogger()

def handler(event, context):
    print("plain output")
    log.error("é" * event)
    log.warning("%s", {name for name in os.environ if "TELEMETRY" in name} or "no variable")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    return "served"
"""


def collected(receive, side, event):
    """Everything that comes on the descriptor during one invocation, read in small pieces by a slow reader."""
    parts = []

    def read():
        while piece := receive(1000):
            parts.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    assert side.result(event) == "served"
    side.process.end()
    reader.join(20)
    return b"".join(parts)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_frames_arrive_whole_on_a_descriptor_of_its_own(start_lambda, kind):
    """Type, length in bytes, microseconds, text: each read to its length, whatever the text, the next one follows."""
    if kind == "pipe":
        ours, theirs = os.pipe()
        receive = functools.partial(os.read, ours)
    else:
        pair = socket.socketpair()
        ours, theirs = (end.detach() for end in pair)
        receive = functools.partial(os.read, ours)
    side = start_lambda(LONG, descriptors=(theirs,), _LAMBDA_TELEMETRY_LOG_FD=str(theirs))
    os.close(theirs)
    before = time.time()
    (first, at, long), (second, _, short) = frames(collected(receive, side, 300_000))
    os.close(ours)
    assert (first, second) == (0xA55A0017, 0xA55A0013)
    assert long.endswith("\t" + "é" * 300_000)
    assert short.endswith("no variable")
    assert before - 1 < at / 1_000_000 < time.time() + 1
    # What is no record stays on stdout, and a child writes there, too.
    assert side.process.log() == "plain output\nfrom a child\n"


def test_workers_get_streams_of_their_own_where_lambda_offers_them(start_lambda, tmp_path):
    """The frame of this protocol is the connection: what one worker prints never mixes with another's."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "logs"))
        listener.listen()
        listener.settimeout(20)
        source = (
            "import sys\ndef handler(event, context):\n    print('out', event)\n    print('err', file=sys.stderr)\n"
        )
        side = start_lambda(
            source, AWS_LAMBDA_MAX_CONCURRENCY="2", _LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET=str(tmp_path / "logs")
        )
        side.receive()
        side.answer(403)
        side.drop()
        workers = [LambdaSide(side.listener, side.process, number=100 * number) for number in range(2)]
        for number, worker in enumerate(workers):
            assert worker.invoke(number).path.endswith("/response")
        streams = [listener.accept()[0] for _ in range(4)]
        side.process.popen.terminate()
        side.process.exit_status()
        told = []
        for stream in streams:
            with stream, stream.makefile() as file:
                told.append(file.read())
        for worker in workers:
            worker.drop()
    assert sorted(told) == ["err\n", "err\n", "out 0\n", "out 1\n"]
    assert side.process.log() == ""


def test_a_lean_handler_imports_no_logging(start_lambda):
    side = start_lambda(
        "import sys\ndef handler(event, context):\n    return sorted(set(event) & set(sys.modules))\n",
        AWS_LAMBDA_LOG_FORMAT="JSON",
        AWS_LAMBDA_LOG_LEVEL="INFO",
    )
    names = ["logging", "json", "re", "enum", "socket", "traceback", "asyncio", "collections", "runtime.log_format"]
    names += ["runtime.streams", "runtime.aio", "runtime.web", "runtime.fc_server", "threading"]
    assert side.result(names) == []


FORKS_IN_THE_NOISE = """
import os, threading

def noise(over):
    while not over.is_set():
        print("noise")

def handler(event, context):
    over = threading.Event()
    threads = [threading.Thread(target=noise, args=(over,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        pid = os.fork()
        if pid == 0:
            print("from a child")
            os._exit(0)
        os.waitpid(pid, 0)
    over.set()
    return "all ended"
"""


def test_a_forked_child_can_speak_whatever_other_threads_were_saying(start_fc):
    side = start_fc(FORKS_IN_THE_NOISE)
    assert side.invoke({}).json() == "all ended"
    assert side.process.log().count("from a child") == 100

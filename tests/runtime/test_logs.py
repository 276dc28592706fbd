"""What a function says, in each format. Does not prove how a cloud's log service cuts what it gets into records."""

from __future__ import annotations

import json
import re
import struct

import pytest

SPEAKS = """
def handler(event, context):
    import logging
    log = logging.getLogger("mine")
    log.debug("too low")
    log.info("hello %s", "you", extra={"orderId": 7, "odd": {1}})
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
    expected = {"level": "INFO", "message": "hello you", "logger": "mine", "orderId": 7, "odd": "{1}"}
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


def test_a_lean_handler_imports_no_logging(start_lambda):
    side = start_lambda(
        "import sys\ndef handler(event, context):\n    return sorted(set(event) & set(sys.modules))\n",
        AWS_LAMBDA_LOG_FORMAT="JSON",
        AWS_LAMBDA_LOG_LEVEL="INFO",
    )
    names = ["logging", "json", "re", "enum", "socket", "traceback", "asyncio", "collections", "runtime.log_format"]
    names += ["runtime.streams", "runtime.aio", "runtime.web", "runtime.fc_server", "threading"]
    assert side.result(names) == []

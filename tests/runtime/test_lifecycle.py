"""The beginning and the end of a process: wrapper, snapshots, shutdown hooks.

Does not prove that AWS sends its signals as the test does; the emulator layer has a real extension registered.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest

HOOKS = """
import asyncio, time
from runtime import on_shutdown

@on_shutdown
def first():
    print("first")

@on_shutdown
def broken():
    raise RuntimeError("in a hook")

@on_shutdown
async def last():
    await asyncio.sleep(0)
    print("last")

async def asleep(seconds):
    print("sleeping", flush=True)
    await asyncio.sleep(seconds)

async def stuck(seconds):
    print("sleeping", flush=True)
    time.sleep(seconds)

async def slow_pieces(seconds):
    yield "a piece"
    print("sleeping", flush=True)
    await asyncio.sleep(seconds)

def handler(event, context):
    for name in ("asleep", "stuck", "slow_pieces"):
        if event and name in event:
            return globals()[name](event[name])
    if event and "sleep" in event:
        print("sleeping", flush=True)
        time.sleep(event["sleep"])
    if event and "fork" in event:
        import os
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(pid, 15)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "served"
"""


@pytest.fixture
def extended(start_lambda):
    """Starts a runtime, and plays the extensions' side of it on a connection of its own."""
    readers = []

    def start(source):
        side = start_lambda(source)
        request = side.receive()
        assert (request.method, request.path) == ("POST", "/2020-01-01/extension/register")
        assert request.headers["lambda-extension-name"]
        assert request.json() == {"events": []}
        side.answer(200, b"{}", "Lambda-Extension-Identifier: ext-1\r\n")
        request = side.receive()
        assert (request.method, request.path) == ("GET", "/2020-01-01/extension/event/next")
        assert request.headers["lambda-extension-identifier"] == "ext-1"
        readers.append(side.reader)
        side.reader = None
        return side

    yield start
    for reader in readers:
        reader.sock.close()


def log_soon(process, text):
    end = time.monotonic() + 10
    while text not in process.log():
        assert time.monotonic() < end, process.log()
        time.sleep(0.01)


def test_hooks_run_at_sigterm_in_reverse_order_whatever_one_raises(extended):
    side = extended(HOOKS)
    assert side.result({}) == "served"
    side.await_next()
    side.process.popen.send_signal(signal.SIGTERM)
    assert side.process.exit_status() == 0
    log = side.process.log()
    assert log.index("last") < log.index("[ERROR] RuntimeError: in a hook") < log.index("first")


@pytest.mark.parametrize("how", ["sleep", "asleep", "stuck", "slow_pieces"])
def test_hooks_run_while_a_handler_is_stuck(extended, how):
    side = extended(HOOKS)
    side.await_next()
    side.send_event(b'{"%b": 60}' % how.encode())
    log_soon(side.process, "sleeping")
    side.process.popen.send_signal(signal.SIGTERM)
    told = time.monotonic()
    assert side.process.exit_status() == 0
    assert time.monotonic() - told < 0.5, "Lambda gives no more"
    assert {"last", "first"} <= set(side.process.log().splitlines())


def test_a_forked_child_that_is_ended_ends_nobody_else(extended):
    side = extended(HOOKS)
    assert side.result({"fork": 1}) == -signal.SIGTERM
    assert side.result({}) == "served"


def test_a_refused_extension_costs_only_the_hooks(start_lambda):
    side = start_lambda(HOOKS)
    side.receive()
    side.answer(403, b'{"errorType": "Extension.AlreadyRegistered"}')
    side.drop()
    assert side.result({}) == "served"
    assert "no shutdown hook will run" in side.process.log()


def test_without_hooks_there_is_no_extension(start_lambda):
    side = start_lambda("def handler(event, context):\n    return 1\n")
    assert side.result({}) == 1, "the first call of all is the one for an invocation"


@pytest.mark.parametrize("way", ["signal", "pre-stop"])
def test_fc_runs_the_same_hooks_once(start_fc, way):
    side = start_fc(HOOKS)
    assert side.invoke({}).json() == "served"
    if way == "pre-stop":
        answer = side.call("GET", "/pre-stop", X_Fc_Request_Id="stop-1")
        assert answer.path == "500", "one of the hooks failed"
        assert side.call("GET", "/pre-stop").path == "200", "none is left"
    side.process.popen.send_signal(signal.SIGTERM)
    assert side.process.exit_status() == 0
    log = side.process.log().splitlines()
    assert [line for line in log if line in {"first", "last"}] == ["last", "first"]
    assert sum("RuntimeError: in a hook" in line for line in log) == 1


SNAPSTART = """
import random
from snapshot_restore_py import register_after_restore, register_before_snapshot

random.seed(1)
told = []

@register_before_snapshot
def one():
    told.append("one")

register_before_snapshot(told.append, "two")

@register_after_restore
def three():
    if BROKEN == "after":
        raise ValueError("after")
    told.append("three")

register_after_restore(lambda *, word: told.append(word), word="four")

BROKEN = ""

def handler(event, context):
    return told + [random.random()]
"""


def test_snapstart_hooks_run_around_the_snapshot(start_lambda):
    side = start_lambda(SNAPSTART, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    request = side.receive()
    assert (request.method, request.path) == ("GET", "/2018-06-01/runtime/restore/next")
    side.answer(200, b"")
    side.drop()
    *told, number = side.result({})
    assert told == ["two", "one", "three", "four"]
    import random

    assert number != random.Random(1).random()


def test_a_failed_before_snapshot_hook_is_an_init_error(start_lambda):
    source = SNAPSTART + "\nregister_before_snapshot(lambda: 1 / 0)\n"
    side = start_lambda(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    request = side.receive()
    assert request.path == "/2018-06-01/runtime/init/error"
    assert request.headers["lambda-runtime-function-error-type"] == "Runtime.BeforeSnapshotError"
    assert request.json()["errorType"] == "ZeroDivisionError"
    side.answer()
    assert side.process.exit_status() == 64


def test_a_failed_after_restore_hook_is_a_restore_error(start_lambda):
    source = SNAPSTART.replace('BROKEN = ""', 'BROKEN = "after"')
    side = start_lambda(source, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    side.receive()
    side.answer(200, b"")
    side.drop()
    request = side.receive()
    assert request.path == "/2018-06-01/runtime/restore/error"
    assert request.headers["lambda-runtime-function-error-type"] == "Runtime.AfterRestoreError"
    side.answer()
    assert side.process.exit_status() == 65


def test_on_demand_calls_no_restore_api(start_lambda):
    side = start_lambda(SNAPSTART, AWS_LAMBDA_INITIALIZATION_TYPE="on-demand")
    assert side.result({})[:-1] == []


WRAPPED = """
import os, sys
def handler(event, context):
    return {name: os.environ.get(name) for name in event} | {"s": "seen" in sys.modules}
"""


def wrapper(folder, text, mode=0o755):
    path = folder / "wrapper"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_the_exec_wrapper_is_run_and_its_environment_counts(start_lambda, tmp_path):
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer/other.py").write_text("import seen\nfrom app import handler\n")
    (tmp_path / "layer/seen.py").write_text("")
    script = f'#!/bin/sh\nexport FROM_WRAPPER=yes PYTHONPATH={tmp_path}/layer _HANDLER=other.handler\nexec "$@"\n'
    side = start_lambda(WRAPPED, AWS_LAMBDA_EXEC_WRAPPER=wrapper(tmp_path, script))
    assert side.result(["FROM_WRAPPER", "_ISTHMUS_WRAPPED"]) == {
        "FROM_WRAPPER": "yes",
        "_ISTHMUS_WRAPPED": None,
        "s": True,
    }


def test_a_wrapper_that_cannot_be_started_is_named(start_lambda, tmp_path):
    path = wrapper(tmp_path, "no shebang", 0o644)
    side = start_lambda(WRAPPED, AWS_LAMBDA_EXEC_WRAPPER=path)
    assert side.process.exit_status() == 1
    assert f"AWS_LAMBDA_EXEC_WRAPPER is '{path}'" in side.process.log()


# How a process may end under a handler


@pytest.mark.parametrize(
    ("do", "status"),
    [("os._exit(7)", 7), ("ctypes.string_at(0)", -signal.SIGSEGV), ("os.kill(os.getpid(), 9)", -signal.SIGKILL)],
)
def test_a_process_that_dies_under_its_handler_closes_the_connection(start_lambda, do, status):
    side = start_lambda(f"def handler(event, context):\n    import ctypes, os\n    {do}\n")
    side.await_next()
    side.send_event(b"{}")
    assert side.reader.sock.recv(1) == b""
    assert side.process.exit_status() == status


def test_a_handler_that_never_returns_holds_nothing_up_but_itself(start_fc):
    side = start_fc(
        "import time\ndef handler(event, context):\n"
        "    time.sleep(3600 if event.get('for ever') else 0)\n    return 1\n"
    )
    assert side.invoke({}).json() == 1
    stuck = threading.Thread(target=_swallowing, args=(side.invoke, {"for ever": 1}), daemon=True)
    stuck.start()
    for _ in range(5):
        assert side.invoke({}).json() == 1
    assert side.call("POST", "/initialize").path == "200"
    os.kill(side.process.popen.pid, signal.SIGKILL)
    stuck.join(10)


def _swallowing(call, *arguments):
    try:
        call(*arguments)
    except (OSError, EOFError, json.JSONDecodeError):
        return

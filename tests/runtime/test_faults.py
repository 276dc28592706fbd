"""Faults that the other files leave out: what the API's last words may be, and every fault of a handler on both sides.

The table in docs/runtime.md says what must happen. Does not prove how the clouds replace a process that ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import time

import pytest

from tests.runtime.sources import ECHO, FAULTS

RESET = struct.pack("ii", 1, 0)


def reset(side) -> None:
    side.reader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    side.drop()


LAST_WORDS = {
    "closed": b"",
    "closed inside the head": b"HTTP/1.1 202 Acc",
    "closed inside the body": b"HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{",
    "closed inside a chunk": b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
    "garbage": b"\x16\x03\x01 nonsense\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 202 Accepted\nContent-Length: 0\n\n",
    "two lengths": b"HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "an endless head": b"HTTP/1.1 202 Accepted\r\nX: " + b"a" * 70_000,
    "503": b"HTTP/1.1 503 Unavailable\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("words", LAST_WORDS.values(), ids=LAST_WORDS)
@pytest.mark.parametrize("event", [1, 0], ids=["result", "failure"])
def test_an_api_that_breaks_off_its_answer_ends_the_process(start_lambda, words, event):
    """Whether the result has arrived nobody can know: Lambda starts the next process, which serves what comes."""
    side = start_lambda("def handler(event, context):\n    return 1 / event\n")
    side.await_next()
    side.send_event(b"%d" % event)
    side.receive()
    side.send(words)
    side.drop()
    assert side.process.exit_status() == 1
    assert "[ERROR] " in side.process.log()
    assert side.process.log().count("Traceback") == (0 if event else 1), "only the handler's own"


@pytest.mark.parametrize("when", ["next", "result", "init"])
def test_a_reset_connection_ends_the_process(start_lambda, when):
    side = start_lambda(ECHO if when != "init" else "import nonsense_x")
    if when == "init":
        side.receive()
    else:
        side.await_next()
    if when == "result":
        side.send_event(b"1")
        side.receive()
    reset(side)
    assert side.process.exit_status() == 1


def test_a_listener_that_is_gone_ends_the_process(start_lambda):
    side = start_lambda(ECHO)
    side.await_next()
    side.send_event(b"1")
    side.receive()
    side.listener.close()
    side.answer(extra="Connection: close\r\n")
    side.drop()
    assert side.process.exit_status() == 1
    assert "lost the Runtime API" in side.process.log()


def test_an_answer_that_comes_byte_by_byte(start_lambda):
    side = start_lambda(ECHO)
    side.await_next()
    side.send_event(b"1")
    side.receive()
    for byte in b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n":
        side.send(bytes([byte]))
        time.sleep(0.001)
    assert side.result(2) == 2


def test_a_handler_that_never_returns_is_ended_by_lambda(start_lambda):
    side = start_lambda("import time\ndef handler(event, context):\n    time.sleep(3600)\n")
    side.await_next()
    side.send_event(b"{}")
    time.sleep(0.3)
    assert side.process.popen.poll() is None
    side.process.popen.send_signal(signal.SIGKILL)
    assert side.reader.sock.recv(1) == b"", "nothing was posted"


# Function Compute


@pytest.fixture(scope="module")
def faulty(start_fc):
    return start_fc(FAULTS)


@pytest.fixture
def faults(faulty):
    """One process for all faults: whatever happened, it serves the next invocation."""
    yield faulty
    assert faulty.invoke({"do": "none"}).json() is None


@pytest.mark.parametrize(
    ("do", "error_type"),
    [
        ("raise", "ZeroDivisionError"),
        ("chained", "RuntimeError"),
        ("group", "ExceptionGroup"),
        ("noted", "ValueError"),
        ("exit", "SystemExit"),
        ("coroutine_exits", "SystemExit"),
        ("interrupt", "KeyboardInterrupt"),
        ("hostile", "Hostile"),
        ("hostile_notes", "ValueError"),
        ("endless", "RecursionError"),
        ("huge_message", "ValueError"),
        ("nan", "Runtime.MarshalError"),
        ("decimal_nan", "Runtime.MarshalError"),
        ("set", "Runtime.MarshalError"),
        ("bytes_inside", "Runtime.MarshalError"),
        ("generator_inside", "Runtime.MarshalError"),
        ("cyclic", "Runtime.MarshalError"),
        ("deep", "Runtime.MarshalError"),
    ],
)
def test_fc_reports_what_a_handler_does_wrong_and_serves_on(faults, do, error_type):
    reply = faults.invoke({"do": do})
    assert (reply.path, reply.headers["x-fc-status"]) == ("404", "404")
    assert reply.json()["errorType"] == error_type
    assert len(reply.body) < 400_000


@pytest.mark.parametrize(
    ("do", "body"),
    [
        ("surrogate", b'{"x": "\\ud800\\u00e9"}'),
        ("bytes", b"\x00\xff"),
        ("big", b'"' + b"x" * 7_000_000 + b'"'),
        ("text", '"é€😀"'.encode()),
    ],
)
def test_fc_gives_the_same_results_and_has_no_limit_of_6_mb(faults, do, body):
    assert faults.invoke({"do": do}).body == body


def whole_reply(fc, do):
    body = json.dumps({"do": do}).encode()
    head = b"POST /invoke HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
    return fc.exchange(head + body).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("do", "body"),
    [
        ("fork_and_return", b'"from the parent"'),
        ("fork_and_exit", b'"from the parent"'),
        ("coroutine_forks", b'"from the parent"'),
        ("pieces_fork", b"a piece from the parent"),
        ("async_pieces_fork", b"a piece from the parent"),
    ],
)
def test_on_fc_a_forked_child_never_answers_for_its_parent(faults, do, body):
    """The handlers wait for the child, which has to end by itself."""
    assert whole_reply(faults, do) == body


def test_on_fc_a_forked_child_that_is_ended_ends_nobody_else(faults):
    assert faults.invoke({"do": "fork_and_end"}).json() == -signal.SIGTERM
    time.sleep(0.2)  # until the server would have taken it for its own end


def test_on_fc_a_forked_child_that_stays_holds_no_connection_open(faults):
    os.kill(int(whole_reply(faults, "fork_and_stay")), signal.SIGKILL)


DIES = "def handler(event, context):\n    import ctypes, os\n    {}\n"


@pytest.mark.parametrize(("do", "status"), [("os._exit(7)", 7), ("ctypes.string_at(0)", -signal.SIGSEGV)])
def test_a_process_that_dies_on_fc_closes_its_connections(start_fc, do, status):
    side = start_fc(DIES.format(do))
    with pytest.raises((EOFError, ConnectionError)):
        side.invoke({})
    assert side.process.exit_status() == status


@pytest.mark.parametrize(("do", "status"), [("os._exit(7)", 7), ("ctypes.string_at(0)", 128 + signal.SIGSEGV)])
def test_pid_1_ends_with_its_server_and_tells_how(start_as_pid_1, do, status):
    side = start_as_pid_1(DIES.format(do))
    with pytest.raises((EOFError, ConnectionError)):
        side.invoke({})
    assert side.process.exit_status() == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_runs_the_hooks_and_leaves_no_process(start_fc, number):
    side = start_fc(
        "from runtime import on_shutdown\non_shutdown(lambda: print('hook ran', flush=True))\n"
        "def handler(event, context):\n    return 1\n"
    )
    assert side.invoke({}).json() == 1
    side.process.popen.send_signal(number)
    assert side.process.exit_status() == 0
    assert side.process.log().count("hook ran") == 1


def test_as_pid_1_every_stop_signal_reaches_the_server_and_its_hooks(start_as_pid_1):
    source = (
        "import signal\nfrom runtime import on_shutdown\non_shutdown(lambda: print('hook ran', flush=True))\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('usr1', flush=True))\n"
        "def handler(event, context):\n    return 1\n"
    )
    side = start_as_pid_1(source)
    assert side.invoke({}).json() == 1
    with open(f"/proc/{side.process.popen.pid}/task/{side.process.popen.pid}/children") as file:
        init = int(file.read())
    os.kill(init, signal.SIGUSR1)
    end = time.monotonic() + 10
    while "usr1" not in side.process.log() and time.monotonic() < end:
        time.sleep(0.01)
    subprocess.run(["kill", "-INT", str(init)], check=True)
    assert side.process.exit_status() == 0
    assert side.process.log().splitlines().count("hook ran") == 1
    assert "usr1" in side.process.log()


DELETES_ITS_FOLDER = """
import os, tempfile
def handler(event, context):
    if event == "serve":
        return "served"
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    raise ValueError("the real reason")
"""


def test_a_failure_is_told_where_the_working_folder_is_gone(start_lambda, start_fc):
    function = start_fc(DELETES_ITS_FOLDER)
    assert function.invoke("fail").json()["errorMessage"] == "the real reason"
    assert function.invoke("serve").json() == "served"
    side = start_lambda(DELETES_ITS_FOLDER)
    side.await_next()
    side.send_event(b'"fail"')
    posted = side.receive()
    assert posted.json()["errorMessage"] == "the real reason"
    assert json.loads(posted.headers["lambda-runtime-function-xray-error-cause"])["working_directory"] == ""


TAKES_ALL_DESCRIPTORS = """
def handler(event, context):
    if event == "serve":
        return "served"
    taken = []
    while True:
        taken.append(open("/dev/null"))
"""


def test_a_failure_is_told_where_no_descriptor_is_left_to_import_what_describes_it(start_lambda, start_fc):
    function = start_fc(TAKES_ALL_DESCRIPTORS)
    reply = function.invoke("fail").json()
    assert reply["errorType"] == "OSError"
    assert reply["stackTrace"][-1].endswith(" in handler\n")
    assert "Too many open files" in reply["errorMessage"]
    assert "Too many open files" in function.process.log()
    assert function.invoke("serve").json() == "served"
    side = start_lambda(TAKES_ALL_DESCRIPTORS)
    assert "Too many open files" in side.failure("fail").json()["errorMessage"]
    assert side.result("serve") == "served"


KEEPS_ALL_DESCRIPTORS = """
taken = []

def handler(event, context):
    try:
        while True:
            taken.append(open("/dev/null"))
    except OSError:
        return "none left"
"""


def test_who_leaks_descriptors_is_still_served_on_the_connections_that_there_are(start_lambda, start_fc):
    side = start_lambda(KEEPS_ALL_DESCRIPTORS)
    assert [side.result("serve") for _ in range(3)] == ["none left"] * 3
    function = start_fc(KEEPS_ALL_DESCRIPTORS)
    with function.connect() as sock:
        reader = function.reader(sock)
        replies = [function.call_on(reader, "POST", "/invoke", b'"serve"', X_Fc_Request_Id="1-fc") for _ in range(3)]
    assert [reply.json() for reply in replies] == ["none left"] * 3

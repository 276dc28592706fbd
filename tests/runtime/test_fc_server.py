"""An FC instance as a process: its port, its threads, handlers that block, signals, forks, its end, PID 1.

Does not prove how Alibaba starts, freezes and ends instances; times are those of the machine that runs the tests.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.runtime.conftest import RAW
from tests.runtime.sources import APP


def test_the_port_is_open_before_the_handler_is_imported(start_fc):
    side = start_fc("import time\ntime.sleep(1.5)\ndef handler(event, context):\n    return 'ready'\n")
    begin = time.monotonic()
    side.connect().close()
    assert time.monotonic() - begin < 1.0
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(side.invoke, {}), pool.submit(side.call, "POST", "/initialize")]
        assert [reply.result().path for reply in waiting] == ["200", "200"]


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


def test_a_handler_that_first_blocks_at_the_end_holds_nobody_up(start_fc):
    side = start_fc(APP)
    with side.connect() as slow, side.connect() as quick:
        readers = [side.reader(slow), side.reader(quick)]
        for reader in readers:
            side.call_on(reader, "POST", "/invoke", b"1")
        body = json.dumps({"do": "sleep", "seconds": 2}).encode()
        head = f"POST /invoke HTTP/1.1\r\nHost: x\r\nX-Fc-Request-Id: slow\r\nContent-Length: {len(body)}\r\n\r\n"
        slow.sendall(head.encode() + body)
        while "RequestId: slow" not in side.process.log():
            time.sleep(0.001)
        side.process.popen.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        assert side.call_on(readers[1], "POST", "/invoke", b"2").json() == 2
        assert not select.select([slow], [], [], 0)[0]
        assert isinstance(side.read_reply(readers[0]).json(), int)
    assert side.process.exit_status() == 0


@pytest.fixture
def as_pid_1(start_as_pid_1):
    return start_as_pid_1(APP)


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

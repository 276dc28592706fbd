"""Several invocations at once, as on Lambda Managed Instances: each in a worker of its own.

Does not prove how AWS counts workers or routes to them; AWS's emulator judges that in the emulator layer.
"""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.runtime.conftest import SECONDS, LambdaSide, Reader

HANDLER = """
import os, time
from runtime import on_shutdown

@on_shutdown
def stop():
    os.write(1, b"hook ran\\n")

def handler(event, context):
    if event == "die":
        os._exit(3)
    if event == "segfault":
        os.kill(os.getpid(), 11)
    return [os.getpid(), os.environ.get("_X_AMZN_TRACE_ID"), context.request_id]
"""


class Environment:
    """Accepts connections as they come; each is a `LambdaSide` of its own."""

    def __init__(self, first):
        self.first = first
        self.sides = []
        first.receive()
        first.answer(403)  # no extensions here
        first.drop()

    def accept(self):
        side = LambdaSide(self.first.listener, self.first.process, number=100 * len(self.sides))
        side.await_next()
        self.sides.append(side)
        return side

    def close(self):
        for side in self.sides:
            if side.reader is not None:
                side.reader.sock.close()


@pytest.fixture
def start(start_lambda):
    environments = []

    def started(source=HANDLER, count=3):
        environment = Environment(start_lambda(source, AWS_LAMBDA_MAX_CONCURRENCY=str(count)))
        environments.append(environment)
        return environment

    yield started
    for environment in environments:
        environment.close()


def test_invocations_run_at_once_in_processes_of_their_own(start):
    environment = start()
    sides = [environment.accept() for _ in range(3)]
    ids = [side.send_event(b"{}", Lambda_Runtime_Trace_Id=f"Root={n}") for n, side in enumerate(sides)]
    results = [side.receive().json() for side in sides]
    assert len({pid for pid, _, _ in results}) == 3
    assert [trace for _, trace, _ in results] == ["Root=0", "Root=1", "Root=2"]
    assert [request_id for _, _, request_id in results] == ids


@pytest.mark.parametrize(("how", "told"), [("die", "status 3"), ("segfault", "signal 11")])
def test_a_worker_that_dies_is_replaced_and_the_others_serve_on(start, how, told):
    environment = start()
    dying, *others = [environment.accept() for _ in range(3)]
    dying.send_event(json.dumps(how).encode())
    assert dying.reader.sock.recv(1) == b""
    others[0].send_event(b"{}")
    assert others[0].receive().path.endswith("/response")
    replacement = environment.accept()
    replacement.send_event(b"{}")
    assert replacement.receive().path.endswith("/response")
    assert told in environment.first.process.log()


def test_sigterm_runs_the_hooks_of_every_worker(start):
    environment = start()
    for _ in range(3):
        environment.accept()
    environment.first.process.popen.send_signal(signal.SIGTERM)
    assert environment.first.process.exit_status() == 0
    assert environment.first.process.log().count("hook ran") == 3


def test_a_handler_that_cannot_be_imported_ends_the_environment(start):
    environment = start("import nothing_of_this_name\n", count=2)
    environment.first.listener.settimeout(SECONDS)
    posted = 0
    while environment.first.process.popen.poll() is None:
        environment.first.listener.settimeout(0.2)
        try:
            sock, _ = environment.first.listener.accept()
        except TimeoutError:
            continue
        side = LambdaSide(environment.first.listener, environment.first.process)
        sock.settimeout(SECONDS)
        side.reader = Reader(sock)
        environment.sides.append(side)
        try:
            request = side.receive()
        except (EOFError, ConnectionError):
            continue
        assert request.path == "/2018-06-01/runtime/init/error"
        posted += 1
        side.answer(202 if posted == 1 else 403)
    assert posted >= 1
    assert environment.first.process.exit_status() == 1


def test_a_lost_api_ends_the_environment(start):
    environment = start(count=2)
    sides = [environment.accept() for _ in range(2)]
    environment.first.listener.close()
    sides[0].drop()
    assert environment.first.process.exit_status() == 1


def test_a_worker_that_dies_again_and_again_does_not_take_the_processor(start):
    environment = start(count=2)
    dying, _ = environment.accept(), environment.accept()
    begun = time.monotonic()
    for _ in range(4):
        dying.send_event(b'"die"')
        dying = environment.accept()
    assert time.monotonic() - begun > 0.5


def test_sigterm_before_a_worker_is_replaced_ends_the_environment(start):
    environment = start(count=2)
    dying, _ = environment.accept(), environment.accept()
    for _ in range(3):
        dying.send_event(b'"die"')
        dying = environment.accept()
    dying.send_event(b'"die"')
    while environment.first.process.log().count("another one takes its place") < 4:
        time.sleep(0.01)
    environment.first.process.popen.send_signal(signal.SIGTERM)
    assert environment.first.process.exit_status() == 0


def test_one_is_no_environment_of_workers(start_lambda):
    side = start_lambda(HANDLER.replace("@on_shutdown", ""), AWS_LAMBDA_MAX_CONCURRENCY="1")
    assert side.result({})[0] == side.process.popen.pid

"""The built zip under AWS's Runtime Interface Emulator in its mode for Lambda Managed Instances.

Does not prove how AWS shares an environment's processors out to its workers, nor what happens when one is shut down.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time

import pytest

from tests.emulator import room
from tests.emulator.test_lambda import ENVIRONMENT

pytestmark = pytest.mark.emulator

WORKERS = 3


@pytest.fixture(scope="module")
def port(rooms, emulator, tmp_path_factory):
    """In this mode the emulator sets the runtime's user itself, for which it must be root."""
    if os.getuid() != 0:
        pytest.skip("the emulator needs root for this mode")
    port, log = room.free_port(), tmp_path_factory.mktemp("log") / "log"
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{room.free_port()}"]
    environment = ENVIRONMENT | {"AWS_LAMBDA_MAX_CONCURRENCY": str(WORKERS), "PATH": os.environ["PATH"]}
    environment |= {"AWS_LAMBDA_FUNCTION_HANDLER": "handlers.probe.handler"}
    command = ["chroot", str(rooms.folder), emulator, *addresses, "handlers.probe.handler"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        room._wait_for(port, process, log)
        yield port
    finally:
        process.kill()
        process.wait()
        rooms._kill_rest()
        print(log.read_text(errors="replace"))


def invoke(port, event):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, json.loads(body)


def served(port, event):
    """The result of an event that is sent again while no worker is free, as the cloud's clients do."""
    deadline = time.monotonic() + 30
    while True:
        status, body = invoke(port, event)
        if status == 200 or time.monotonic() > deadline:
            return body
        time.sleep(0.05)


def test_an_event_is_served(port):
    assert invoke(port, {"do": "echo", "payload": "云"}) == (200, "云")


def test_events_are_served_at_once(port):
    results = []
    callers = [
        threading.Thread(target=lambda n=n: results.append(served(port, {"do": "echo", "payload": n})))
        for n in range(4 * WORKERS)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(results) == list(range(4 * WORKERS))


def test_an_error_is_reported_and_the_next_event_served(port):
    _, error = invoke(port, {"do": "fail", "message": "asked to"})
    assert error["errorType"] == "ValueError"
    assert error["errorMessage"] == "asked to"
    assert invoke(port, {"do": "echo", "payload": 1}) == (200, 1)


def test_a_worker_that_dies_costs_no_later_event(port):
    """Does not prove when the caller of the dead worker is told: nobody waits for that here."""
    for _ in range(WORKERS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = json.dumps({"do": "die", "status": 7})
        connection.request("POST", "/2015-03-31/functions/function/invocations", body)
        time.sleep(1)
        connection.close()
    assert [served(port, {"do": "echo", "payload": n}) for n in range(2 * WORKERS)] == list(range(2 * WORKERS))

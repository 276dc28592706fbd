"""Start, stop and the command line, on real processes; above all that nothing outlives the data plane.

Does not prove survival of the guardian: killing both at once leaves sandboxes whose runtime does not notice.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket

import pytest

from localcloud.data.lifecycle import find, stop
from localcloud.store import Store

from .conftest import (
    EDGE_ARN,
    FC_HOST,
    FUNCTION_ARN,
    OPEN_URL_HOST,
    command,
    fill,
    free_port,
    processes_of,
    wait_until,
)


@pytest.fixture
def cloud(tmp_path):
    """A filled folder whose data plane is stopped at the end, whatever the test did."""
    root = tmp_path / "cloud"
    store = Store(root)
    fill(store)
    store.close()
    yield root
    command(root, "stop")
    assert wait_until(lambda: not processes_of(root))


def get(port: int, host: str, body: str = "{}") -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", body=body, headers={"Host": host})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_start_answers_and_stop_leaves_nothing(cloud):
    port = free_port()

    started = command(cloud, "start", "--port", str(port))
    assert (started.returncode, started.stdout) == (0, f"The local data plane runs on port {port}.\n")
    told = json.loads((cloud / "data-plane.json").read_text())
    assert told["port"] == port
    assert get(port, OPEN_URL_HOST)["echo"] == {}

    again = command(cloud, "start", "--port", str(port))
    assert (again.returncode, again.stdout) == (0, f"The local data plane already runs on port {port}.\n")
    other = command(cloud, "start", "--port", str(free_port()))
    assert other.returncode == 1
    assert "stop it first" in other.stderr

    assert command(cloud, "stop").returncode == 0
    assert not (cloud / "data-plane.json").exists()
    assert processes_of(cloud) == []
    again = command(cloud, "stop")
    assert (again.returncode, again.stdout) == (0, "No local data plane is running.\n")


def test_kill_9_leaves_no_child_not_even_a_daemon(cloud):
    port = free_port()
    command(cloud, "start", "--port", str(port))
    get(port, OPEN_URL_HOST)
    get(port, FC_HOST)
    assert get(port, OPEN_URL_HOST, '{"do":"spawn"}') == {"daemon": True}
    assert get(port, FC_HOST, '{"do":"spawn"}') == {"daemon": True}
    assert wait_until(lambda: len(processes_of(cloud)) >= 6), processes_of(cloud)

    os.kill(json.loads((cloud / "data-plane.json").read_text())["pid"], signal.SIGKILL)

    assert wait_until(lambda: not processes_of(cloud)), processes_of(cloud)
    assert not (cloud / "data-plane.json").exists()
    assert command(cloud, "start", "--port", str(port)).returncode == 0


def test_killing_the_guardian_stops_the_data_plane_in_order(cloud):
    port = free_port()
    command(cloud, "start", "--port", str(port))
    get(port, OPEN_URL_HOST)
    plane = find(cloud)
    guardian = next(process for process in processes_of(cloud) if "localcloud.data.guardian" in process.cmdline())

    guardian.kill()

    assert plane is not None
    assert wait_until(lambda: not processes_of(cloud)), processes_of(cloud)


def test_a_taken_port_is_told_in_one_sentence(cloud):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        started = command(cloud, "start", "--port", str(port))

    assert started.returncode == 1
    remedy = "free it or choose another one with PORT=<number>."
    assert started.stderr == f"Port {port} cannot be used (address already in use); {remedy}\n"


@pytest.mark.parametrize("content", ["", "nonsense", "{}", '{"pid": 1, "port": 1}', '{"pid": 999999999, "port": 1}'])
def test_a_stale_pid_file_is_no_obstacle(cloud, content):
    (cloud / "data-plane.json").write_text(content)

    assert find(cloud) is None
    assert stop(cloud) == "No local data plane is running."


def test_start_goes_on_over_a_stale_pid_file(cloud):
    (cloud / "data-plane.json").write_text('{"pid": 1, "port": 1}')

    assert command(cloud, "start", "--port", str(free_port())).returncode == 0


def test_a_data_plane_that_no_longer_answers_is_replaced(cloud):
    port = free_port()
    command(cloud, "start", "--port", str(port))
    pid = json.loads((cloud / "data-plane.json").read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)

    started = command(cloud, "start", "--port", str(port))

    assert started.returncode == 0, started.stderr
    assert json.loads((cloud / "data-plane.json").read_text())["pid"] != pid
    assert not os.path.exists(f"/proc/{pid}")


def test_invoke_prints_its_parts_and_its_exit_code_can_be_trusted(cloud, tmp_path):
    command(cloud, "start", "--port", str(free_port()))
    event = tmp_path / "event.json"
    event.write_text('{"do": "log", "text": "from a file"}')

    good = command(cloud, "invoke", "lambda", FUNCTION_ARN, "--event", f"@{event}")
    assert good.returncode == 0
    assert re.fullmatch(
        r"Result\n\{\"echo\".*\}\n\nLog\n(?s:.*)\nfrom a file\n(?s:.*)REPORT.*\n\n"
        r"Duration\n[\d.]+ ms\n\nMemory used\n\d+ MB\n\nMemory limit\n256 MB\n",
        good.stdout,
    ), good.stdout

    bad = command(cloud, "invoke", "lambda", FUNCTION_ARN, "--event", '{"do":"raise","text":"bad"}')
    assert bad.returncode == 1
    assert '"errorMessage": "bad"' in bad.stdout

    fc = command(cloud, "invoke", "fc", "site", "--event", '{"n":1}')
    assert fc.returncode == 0
    assert "POST /invoke /invoke" in fc.stdout
    assert "Memory limit\n512 MB" in fc.stdout

    edge = command(cloud, "invoke", "edge", EDGE_ARN)
    assert edge.returncode == 0
    assert '"x-amz-content-sha256"' in edge.stdout, "a CloudFront event was made up"

    logs = command(cloud, "logs", "lambda", FUNCTION_ARN)
    assert logs.returncode == 0
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z from a file$", logs.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("invoke", "lambda", "nothing"), "There is no lambda function 'nothing' in the local clouds"),
        (("invoke", "fc", "nothing"), "There is no fc function 'nothing' in the local clouds"),
        (("invoke", "edge", f"{EDGE_ARN}7"), "There is no edge function"),
        (("logs", "fc", "nothing"), "There is no fc function 'nothing' in the local clouds"),
        (("invoke", "lambda", FUNCTION_ARN, "--event", "{"), "The event is no valid JSON"),
        (("invoke", "lambda", FUNCTION_ARN, "--event", "@/no/file"), "The event file '/no/file' cannot be read"),
        (("invoke", "lambda", FUNCTION_ARN), "The local data plane does not answer"),
        (("invoke", "pigeon", "x"), "invalid choice"),
        (("start", "--port", "70000"), "'70000' is no port; give a number from 1 to 65535"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_sentence(cloud, arguments, told):
    answered = command(cloud, *arguments)

    assert answered.returncode == 2
    assert told in answered.stderr
    assert "Traceback" not in answered.stderr


def test_address_gives_the_reachable_form(cloud):
    answered = command(cloud, "address", "https://d1.cloudfront.net/a?b=c")

    assert answered.stdout == "http://d1.cloudfront.net.localhost:8787/a?b=c\n"

"""Function Compute on real processes: the HTTP contract, start failures, hooks, limits, refusals.

Does not prove the statuses that FC leaves undocumented (504 for a timeout over HTTP), nor freezing between requests.
"""

from __future__ import annotations

import asyncio
import json

import pytest
from multidict import CIMultiDict

from localcloud.data.alibaba import acs3
from localcloud.data.alibaba.fc.function import find_function
from localcloud.data.alibaba.fc.instance import FcError, FcInstance
from localcloud.data.keyring import Keyring, account_keys
from localcloud.data.messages import Request
from localcloud.data.packages import Packages
from localcloud.data.sandbox import MemoryWatch
from localcloud.data.services import Services
from localcloud.store import Store
from tests.localcloud.data.conftest import (
    FC_HOST,
    FC_SIGNED_HOST,
    MAIN,
    eventually,
    function_zip,
    make_zip,
    put_fc,
    put_trigger,
)

API = "1234567890123456.cn-hongkong.fc.aliyuncs.com"


def put(plane, name: str, main: str = MAIN, files: bytes | None = None, **changes) -> str:
    """A function of its own with an open trigger; returns the trigger's host."""
    host = f"{name}-abcdefghij.cn-hongkong.fcapp.run"
    put_fc(plane.store, plane.store.put_blob(files or function_zip(main)), name, **changes)
    put_trigger(plane.store, host, "anonymous", name)
    return host


async def ask(plane, host: str, path: str = "/", method: str = "GET", body: bytes | None = None, **headers):
    async with plane.request(method, host, path, data=body, headers=headers) as response:
        return response.status, response.headers, await response.read()


async def invoke(plane, name: str, event):
    path = f"/2023-03-30/functions/{name}/invocations"
    request = Request("POST", API, path, headers=CIMultiDict({"Host": API}), body=json.dumps(event).encode())
    acs3.sign(request, account_keys(plane.root)["alibaba"])
    headers = {key: value for key, value in request.headers.items() if key != "Host"}
    return await ask(plane, API, path, "POST", request.body, **headers)


async def test_a_request_is_passed_through_with_fcs_headers(plane):
    status, headers, body = await ask(plane, FC_HOST, "/seen", **{"X-Mine": "1", "X-Fc-Fake": "no"})

    assert status == 200
    seen = {name.lower(): value for name, value in json.loads(body)["headers"].items()}
    assert seen["x-mine"] == "1"
    assert "x-fc-fake" not in seen
    assert seen["x-fc-control-path"] == "/http-invoke"
    assert seen["x-fc-request-id"] == headers["X-Fc-Request-Id"]
    assert (seen["x-fc-access-key-id"], seen["x-fc-access-key-secret"], seen["x-fc-security-token"]) == ("", "", "")
    assert (seen["x-fc-function-name"], seen["x-fc-function-timeout"], seen["x-fc-qualifier"]) == (
        "site",
        "20",
        "LATEST",
    )
    assert (seen["x-fc-region"], seen["host"]) == ("cn-hongkong", FC_HOST)


async def test_the_environment_is_exactly_that_of_the_cloud(plane):
    host = put(plane, "environment", environmentVariables={"MINE": "1"})

    _, _, body = await ask(plane, host, "/", "POST", b'{"do":"environment"}')

    environment = json.loads(body)["environment"]
    assert set(environment) - {"LC_CTYPE", "PWD"} == {
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
        "CDN_ENDPOINT",
        "FC_ACCOUNT_ID",
        "FC_CUSTOM_LISTEN_PORT",
        "FC_FUNCTION_HANDLER",
        "FC_FUNCTION_MEMORY_SIZE",
        "FC_FUNCTION_NAME",
        "FC_FUNC_CODE_PATH",
        "FC_INSTANCE_ID",
        "FC_REGION",
        "FC_VER_ID",
        "MINE",
        "OSS_ENDPOINT",
        "PATH",
    }
    assert environment["OSS_ENDPOINT"] == f"http://oss-cn-hongkong-internal.aliyuncs.com.localhost:{plane.port}"
    assert environment["CDN_ENDPOINT"] == f"http://cdn.aliyuncs.com.localhost:{plane.port}"
    assert environment["FC_FUNC_CODE_PATH"] == json.loads(body)["cwd"]

    put(plane, "environment", role="")
    _, _, body = await ask(plane, host, "/", "POST", b'{"do":"environment"}')
    assert not [name for name in json.loads(body)["environment"] if name.startswith("ALIBABA")]


async def test_reserved_response_headers_are_taken_away_and_a_marked_failure_is_told(plane):
    _, headers, _ = await ask(plane, FC_HOST, "/marked")

    assert headers["X-Fc-Error-Type"] == "HandledInvocationError"
    assert "X-Fc-Fake" not in headers
    assert headers["Server"] != "mine"


async def test_html_on_the_default_domain_is_a_download(plane):
    _, headers, body = await ask(plane, FC_HOST, "/page.html")

    assert (headers["Content-Disposition"], body) == ("attachment", b"<p>")
    assert "Content-Disposition" not in (await ask(plane, FC_HOST))[1]


async def test_a_signed_trigger_refuses_unsigned_calls_as_fc_does(plane):
    status, headers, body = await ask(plane, FC_SIGNED_HOST)
    assert status == 400
    told = {"Code": "MissingRequiredHeader", "Message": "required HTTP header Date was not specified"}
    assert json.loads(body) == {"RequestId": headers["X-Fc-Request-Id"], **told}

    _, _, body = await ask(plane, FC_SIGNED_HOST, Date="Sun, 22 Nov 2026 06:00:00 GMT")
    assert json.loads(body)["Message"] == "invalid authorization ''"


async def test_a_signed_trigger_takes_a_call_of_the_account(plane):
    request = Request("GET", FC_SIGNED_HOST, "/seen", "a=%20b&c", headers=CIMultiDict({"Host": FC_SIGNED_HOST}))
    acs3.sign(request, account_keys(plane.root)["alibaba"])
    headers = {name: value for name, value in request.headers.items() if name != "Host"}

    assert (await ask(plane, FC_SIGNED_HOST, "/seen?a=%20b&c", **headers))[0] == 200
    status, _, body = await ask(plane, FC_SIGNED_HOST, "/seen?a=other", **headers)
    assert (status, json.loads(body)["Code"]) == (403, "SignatureNotMatch")


async def test_a_method_that_the_trigger_does_not_list_is_refused(plane):
    status, _, body = await ask(plane, FC_HOST, "/", "PUT", b"{}")

    assert (status, json.loads(body)["Code"]) == (405, "MethodNotAllowed")


async def test_long_paths_are_refused(plane):
    status, _, body = await ask(plane, FC_HOST, "/" + "x" * 4096)

    assert (status, json.loads(body)["Code"]) == (400, "InvalidArgument")


async def test_invoke_function_gives_the_body_alone(plane):
    status, headers, body = await invoke(plane, "site", {"n": 1})

    assert (status, json.loads(body)["echo"]) == (200, {"n": 1})
    assert headers["Content-Type"] == "application/octet-stream"
    assert "X-Fc-Error-Type" not in headers
    lines = [line.message for line in plane.store.read_logs("fc/site")]
    assert "POST /invoke /invoke" in lines


async def test_invoke_function_wants_a_signature_and_a_function(plane):
    path = "/2023-03-30/functions/site/invocations"
    assert (await ask(plane, API, path, "POST", b"{}"))[0] == 400
    status, _, body = await invoke(plane, "nothing", {})
    assert (status, json.loads(body)["Code"]) == (404, "FunctionNotFound")


async def test_a_process_that_goes_away_is_told_and_replaced(plane):
    host = put(plane, "exiting")

    status, headers, body = await ask(plane, host, "/", "POST", b'{"do":"exit","code":3}')
    assert (status, headers["X-Fc-Error-Type"]) == (502, "UnhandledInvocationError")
    assert json.loads(body)["errorMessage"].startswith(
        "Process exited unexpectedly before completing request (duration:"
    )

    status, headers, body = await invoke(plane, "exiting", {"do": "exit", "code": 3})
    assert (status, headers["X-Fc-Error-Type"]) == (200, "UnhandledInvocationError")
    assert (await ask(plane, host))[0] == 200


async def test_a_timeout_is_told_and_the_instance_replaced(plane):
    host = put(plane, "slow", timeout=1)
    _, _, first = await ask(plane, host, "/", "POST", b"{}")

    status, headers, body = await ask(plane, host, "/", "POST", b'{"do":"sleep","seconds":30}')

    assert (status, headers["X-Fc-Error-Type"]) == (504, "UnhandledInvocationError")
    assert json.loads(body)["errorMessage"].startswith("Function timed out after 1 seconds")
    _, _, second = await ask(plane, host, "/", "POST", b"{}")
    assert json.loads(first)["pid"] != json.loads(second)["pid"]


async def test_memory_over_the_limit_is_killed(plane):
    host = put(plane, "hungry", memorySize=128)

    status, _, body = await ask(plane, host, "/", "POST", b'{"do":"eat"}')

    assert status == 502
    assert "Process exited unexpectedly" in json.loads(body)["errorMessage"]


async def test_the_initializer_runs_once_before_the_first_request(plane):
    hooks = {"initializer": {"handler": "on", "timeout": 5}}
    host = put(plane, "initialised", instanceLifecycleConfig=hooks)

    await ask(plane, host, "/one")
    await ask(plane, host, "/two")

    lines = [line.message for line in plane.store.read_logs("fc/initialised")]
    assert lines == ["POST /initialize /initialize", "GET /one /http-invoke", "GET /two /http-invoke"]


async def test_a_failing_initializer_is_an_initialization_error_with_status_200(plane):
    hooks = {"initializer": {"handler": "on", "timeout": 5}}
    host = put(plane, "failing", instanceLifecycleConfig=hooks, environmentVariables={"INIT_STATUS": "500"})

    status, headers, body = await ask(plane, host)

    assert (status, headers["X-Fc-Error-Type"]) == (200, "InitializationError")
    assert "errorMessage" in json.loads(body)


WATCHED = MAIN.replace(
    'status = int(os.environ.get("INIT_STATUS", 200)) if self.path == "/initialize" else 200',
    'status = 503 if self.path == "/well?deep=1" and not os.path.exists(os.environ["WELL"]) else 200',
)


def watched(plane, name: str, mark, **settings) -> str:
    """A function whose health depends on a file."""
    return put(
        plane,
        name,
        WATCHED,
        customRuntimeConfig={"healthCheckConfig": {"httpGetUrl": "/well?deep=1", "periodSeconds": 1, **settings}},
        instanceLifecycleConfig={"initializer": {"handler": "on", "timeout": 5}},
        environmentVariables={"WELL": str(mark)},
    )


async def test_a_health_check_comes_after_the_initializer_and_before_the_first_request(plane, tmp_path):
    (tmp_path / "well").touch()
    host = watched(plane, "watched", tmp_path / "well", successThreshold=2)
    assert (await ask(plane, host, "/one"))[0] == 200
    lines = [line.message for line in plane.store.read_logs("fc/watched")]
    assert lines[:4] == [
        "POST /initialize /initialize",
        "GET /well?deep=1 None",
        "GET /well?deep=1 None",
        "GET /one /http-invoke",
    ]


async def test_an_instance_that_is_not_well_at_first_has_not_started(plane, tmp_path):
    host = watched(plane, "unwell", tmp_path / "nothing")
    status, headers, body = await ask(plane, host)
    assert (status, headers["X-Fc-Error-Type"]) == (412, "FunctionNotStarted")
    assert "health check failed on path /well?deep=1" in json.loads(body)["Message"]


async def test_an_instance_that_falls_ill_is_replaced(plane, tmp_path):
    mark = tmp_path / "well"
    mark.touch()
    host = watched(plane, "falling", mark, failureThreshold=2)
    first = json.loads((await ask(plane, host, "/", "POST", b"{}"))[2])["pid"]
    mark.unlink()

    def checks() -> int:
        return [line.message for line in plane.store.read_logs("fc/falling")].count("GET /well?deep=1 None")

    assert await eventually(lambda: checks() >= 3)
    assert (await ask(plane, host))[0] == 412, "the one that took its place is not well either"
    mark.touch()
    assert json.loads((await ask(plane, host, "/", "POST", b"{}"))[2])["pid"] != first


async def test_pre_stop_is_called_before_an_instance_goes(plane):
    host = put(plane, "stopping", instanceLifecycleConfig={"preStop": {"handler": "on", "timeout": 5}})
    await ask(plane, host)

    plane.store.delete("alicloud:fc/v3Function:V3Function", "stopping")

    def stopped() -> bool:
        return "GET /pre-stop /pre-stop" in [line.message for line in plane.store.read_logs("fc/stopping")]

    assert await eventually(stopped)


@pytest.mark.parametrize(
    ("name", "files", "modes", "told"),
    [
        ("nofile", {"x": ""}, {}, "Failed to start function instance. Error: the file /code/bootstrap is not exist"),
        (
            "nomode",
            {"bootstrap": "#!/bin/sh"},
            {},
            "(code 13, message:permission denied) with start command '/code/bootstrap '",
        ),
        ("noshebang", {"bootstrap": "echo"}, {"bootstrap": 0o755}, "(code 8, message:exec format error)"),
        ("crlf", {"bootstrap": "#!/bin/sh\r\n"}, {"bootstrap": 0o755}, "(code 2, message:no such file or directory)"),
        (
            "exits",
            {"bootstrap": "#!/bin/sh\necho why; exit 7"},
            {"bootstrap": 0o755},
            "(code 7, message:argument list too long)",
        ),
    ],
)
async def test_an_instance_that_does_not_start_says_why(plane, name, files, modes, told):
    host = put(plane, name, files=make_zip(files, modes))

    status, headers, body = await ask(plane, host)

    assert (status, headers["X-Fc-Error-Type"], json.loads(body)["Code"]) == (
        412,
        "FunctionNotStarted",
        "FunctionNotStarted",
    )
    assert told in json.loads(body)["Message"]
    if name == "exits":
        assert json.loads(body)["Message"].endswith("Logs:why")


async def test_a_server_on_127_0_0_1_is_not_reached(plane):
    host = put(plane, "loopback", environmentVariables={"LISTEN": "127.0.0.1"})

    status, _, body = await ask(plane, host)

    assert status == 412
    assert "Ping CA failed" in json.loads(body)["Message"]


async def test_a_port_that_never_opens_fails_the_health_check(tmp_path):
    store = Store(tmp_path)
    zipped = make_zip({"bootstrap": "#!/bin/sh\necho waiting\nsleep 60"}, {"bootstrap": 0o755})
    put_fc(store, store.put_blob(zipped))
    services = Services(store, Packages(tmp_path / "code"), Keyring(tmp_path), MemoryWatch())

    with pytest.raises(FcError, match=r"health check failed on port 9000 in 0\.5 seconds\.\nLogs:waiting"):
        await FcInstance(find_function(store, "site"), services, start_seconds=0.5).start()
    store.close()


async def test_a_start_command_replaces_bootstrap(plane):
    runtime = {"commands": ["/bin/sh"], "args": ["/code/bootstrap"], "port": 9000}
    host = put(plane, "command", files=None, customRuntimeConfig=runtime)

    assert (await ask(plane, host))[0] == 200


async def test_requests_share_an_instance_up_to_its_concurrency(plane):
    host = put(plane, "shared", instanceConcurrency=5)
    answers = await asyncio.gather(*(ask(plane, host, "/", "POST", b'{"do":"sleep","seconds":0.3}') for _ in range(10)))

    pids = [json.loads(body)["pid"] for _, _, body in answers]
    assert len(set(pids)) == 2
    assert max(pids.count(pid) for pid in pids) == 5


async def test_two_hundred_at_once_are_all_answered_and_none_mixed_up(plane):
    async def one(number: int):
        status, _, body = await ask(plane, FC_HOST, "/", "POST", json.dumps({"n": number}).encode())
        return status, json.loads(body)["echo"]["n"]

    assert await asyncio.gather(*(one(number) for number in range(200))) == [(200, number) for number in range(200)]

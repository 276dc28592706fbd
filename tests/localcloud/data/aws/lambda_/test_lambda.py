"""Lambda on real processes: environment, results, the ways to fail, log lines, scale-out, new code.

Does not prove limits that need a kernel's help (CPU share, read-only file system for root, frozen processes), and
memory is polled: a burst shorter than the poll goes unseen.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re

import psutil
import pytest
from multidict import CIMultiDict

from localcloud.data.aws import sigv4
from localcloud.data.keyring import account_keys
from localcloud.data.messages import Request
from tests.localcloud.data.conftest import MAIN, REGION, eventually, function_zip, make_zip, put_lambda

API = f"lambda.{REGION}.amazonaws.com"


async def invoke(plane, name: str, event, *, qualifier: str = "", **headers):
    """Call the Invoke API signed by the account; returns response and parsed body."""
    query = f"Qualifier={qualifier}" if qualifier else ""
    path = f"/2015-03-31/functions/{name}/invocations"
    request = Request("POST", API, path, query, CIMultiDict({"Host": API, **headers}), json.dumps(event).encode())
    sigv4.sign(request, account_keys(plane.root)["aws"], "lambda", REGION)
    async with plane.session.post(
        f"http://127.0.0.1:{plane.port}{request.target}", data=request.body, headers=request.headers
    ) as response:
        body = await response.read()
        return response, json.loads(body) if body else None


def put(plane, name: str, main: str = MAIN, **changes) -> None:
    put_lambda(plane.store, name, plane.store.put_blob(function_zip(main)), **changes)


def tail(response) -> str:
    return base64.b64decode(response.headers["X-Amz-Log-Result"]).decode()


async def test_the_environment_is_exactly_that_of_the_cloud(plane):
    put(plane, "environment", environment={"variables": {"MINE": "1"}})

    _, result = await invoke(plane, "environment", {"do": "environment"})

    environment = result["environment"]
    assert set(environment) - {"LC_CTYPE"} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_CLOUDFRONT",
        "AWS_ENDPOINT_URL_S3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "LD_LIBRARY_PATH",
        "MINE",
        "PATH",
        "PWD",
        "TZ",
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_HANDLER",
    }, "LC_CTYPE is added by Python itself, PWD by the shell of the bootstrap"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["_HANDLER"] == "handlers.hello.handler"
    assert environment["LAMBDA_TASK_ROOT"] == result["cwd"]


async def test_result_and_log_lines_of_a_success(plane):
    put(plane, "lines")

    response, result = await invoke(plane, "lines", {"do": "log", "text": "one\ntwo"}, **{"X-Amz-Log-Type": "Tail"})

    assert response.status == 200
    assert response.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert "X-Amz-Function-Error" not in response.headers
    assert result["echo"]["text"] == "one\ntwo"
    request_id = response.headers["x-amzn-RequestId"]
    init, start, one, two, end, report = tail(response).splitlines()
    assert init == "INIT_START Runtime Version: provided:al2023"
    assert start == f"START RequestId: {request_id} Version: $LATEST"
    assert (one, two) == ("one", "two")
    assert end == f"END RequestId: {request_id}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t",
        report,
    )
    stored = [line.message for line in plane.store.read_logs("/aws/lambda/lines")]
    assert stored == [init, start, one, two, end, report]


async def test_a_handlers_error_reaches_the_caller_as_it_is_and_the_sandbox_lives_on(plane):
    put(plane, "raising")

    response, error = await invoke(plane, "raising", {"do": "raise", "text": "bad"}, **{"X-Amz-Log-Type": "Tail"})
    assert response.status == 200
    assert response.headers["X-Amz-Function-Error"] == "Unhandled"
    assert error == {"errorMessage": "bad", "errorType": "ValueError", "stackTrace": []}
    assert "Status: error\tError Type: Function.Unknown" in tail(response)

    response, _ = await invoke(plane, "raising", {}, **{"X-Amz-Log-Type": "Tail"})
    assert "INIT_START" not in tail(response)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(3, "Runtime exited with error: exit status 3"), (0, "Runtime exited without providing a reason")],
)
async def test_a_process_that_exits_is_an_exit_error_and_is_replaced(plane, code, reason):
    put(plane, "exiting")

    response, error = await invoke(plane, "exiting", {"do": "exit", "code": code})

    request_id = response.headers["x-amzn-RequestId"]
    assert error == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: {reason}"}
    response, result = await invoke(plane, "exiting", {"n": 1}, **{"X-Amz-Log-Type": "Tail"})
    assert result["echo"] == {"n": 1}
    assert "INIT_START" in tail(response)


async def test_a_timeout_kills_the_process_and_is_told_as_lambda_does(plane):
    put(plane, "slow", timeout=1)
    _, warm = await invoke(plane, "slow", {})

    response, error = await invoke(plane, "slow", {"do": "sleep", "seconds": 30}, **{"X-Amz-Log-Type": "Tail"})

    request_id = response.headers["x-amzn-RequestId"]
    message = f"RequestId: {request_id} Error: Task timed out after 1.00 seconds"
    assert error == {"errorType": "Sandbox.Timedout", "errorMessage": message}
    assert f"{request_id} Task timed out after 1.00 seconds" in tail(response)
    assert "Duration: 1000.00 ms\tBilled Duration: 1000 ms" in tail(response)
    assert "Status: timeout" in tail(response)
    assert not psutil.pid_exists(warm["pid"])


async def test_memory_over_the_limit_is_killed(plane):
    put(plane, "hungry", memorySize=128)

    response, error = await invoke(plane, "hungry", {"do": "eat"}, **{"X-Amz-Log-Type": "Tail"})

    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB" in tail(response)


async def test_an_init_error_is_tried_twice_and_reported_verbatim(plane):
    put(plane, "uninitialised", environment={"variables": {"FAIL_INIT": "1"}})

    response, error = await invoke(plane, "uninitialised", {}, **{"X-Amz-Log-Type": "Tail"})

    assert error == {"errorType": "Runtime.NoSuchHandler", "errorMessage": "nope"}
    phases = re.findall(r"INIT_REPORT .*Phase: (\w+)\tStatus: error\tError Type: Runtime.NoSuchHandler", tail(response))
    assert phases == ["init", "invoke"]


@pytest.mark.parametrize(
    ("files", "modes", "told"),
    [
        ({"main.py": ""}, {}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": "#!/bin/sh\n"}, {}, "fork/exec /var/task/bootstrap: permission denied"),
        ({"bootstrap": "echo"}, {"bootstrap": 0o755}, "fork/exec /var/task/bootstrap: exec format error"),
        ({"bootstrap": "#!/no/sh\n"}, {"bootstrap": 0o755}, "fork/exec /var/task/bootstrap: no such file or directory"),
    ],
)
async def test_a_bootstrap_that_cannot_run_is_an_invalid_entrypoint(plane, files, modes, told):
    put_lambda(plane.store, "broken", plane.store.put_blob(make_zip(files, modes)))

    _, error = await invoke(plane, "broken", {})

    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert error["errorMessage"].endswith(f"Error: {told}")


async def test_a_zip_that_leads_out_is_told_and_not_laid_out(plane):
    put_lambda(plane.store, "evil", plane.store.put_blob(make_zip({"../../evil": "x"})))

    _, error = await invoke(plane, "evil", {})

    assert "leads out of its folder" in error["errorMessage"]
    assert not (plane.root / "evil").exists()


async def test_a_response_over_6_mb_fails_the_invocation_only(plane):
    put(plane, "large")

    _, error = await invoke(plane, "large", {"do": "big", "size": 6_291_556})
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    _, result = await invoke(plane, "large", {"do": "big", "size": 6_291_000})
    assert len(result["x"]) == 6_291_000


async def test_new_code_is_visible_at_once_and_the_old_sandbox_goes_after_its_work(plane):
    put(plane, "updated")
    _, old = await invoke(plane, "updated", {})
    busy = asyncio.ensure_future(invoke(plane, "updated", {"do": "sleep", "seconds": 1}))
    await asyncio.sleep(0.2)

    put(plane, "updated", MAIN.replace('"echo"', '"new"'))
    _, new = await invoke(plane, "updated", {"n": 2})

    assert new["new"] == {"n": 2}
    assert (await busy)[1]["echo"] == {"do": "sleep", "seconds": 1}
    assert await eventually(lambda: not psutil.pid_exists(old["pid"]), 5)


async def test_a_deleted_functions_sandbox_goes_without_any_request(plane):
    put(plane, "deleted")
    _, result = await invoke(plane, "deleted", {})

    plane.store.delete("aws:lambda/function:Function", "deleted")

    assert await eventually(lambda: not psutil.pid_exists(result["pid"]), 5)
    response, error = await invoke(plane, "deleted", {})
    assert response.status == 404
    assert response.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert error["Message"] == f"Function not found: arn:aws:lambda:{REGION}:123456789012:function:deleted"


async def test_two_hundred_at_once_are_all_answered_and_none_mixed_up(plane):
    put(plane, "crowd")

    answers = await asyncio.gather(*(invoke(plane, "crowd", {"n": number}) for number in range(200)))

    assert [result["echo"]["n"] for _, result in answers] == list(range(200))
    assert 1 < len({result["pid"] for _, result in answers}) <= max(4, 2 * os.cpu_count())


async def test_the_invoke_api_wants_a_signature(plane):
    path = "/2015-03-31/functions/hello/invocations"
    async with plane.request("POST", API, path, data=b"{}") as response:
        assert response.status == 403
        assert response.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


async def test_an_event_invocation_is_accepted_at_once_and_runs(plane):
    put(plane, "background")

    response, body = await invoke(
        plane, "background", {"do": "log", "text": "ran"}, **{"X-Amz-Invocation-Type": "Event"}
    )

    assert (response.status, body) == (202, None)

    def ran() -> bool:
        return any(line.message == "ran" for line in plane.store.read_logs("/aws/lambda/background"))

    assert await eventually(ran)

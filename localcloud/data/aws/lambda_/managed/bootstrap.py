"""Stand-in for the managed Python runtime of Lambda: the contract of /var/runtime, on the standard library only.

Runs as its own process on the machine's Python, with the unpacked zip as its current folder. It knows nothing of
the data plane but the Runtime API. Source of the contract: Lambda Developer Guide, "Building with Python".
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace
from typing import Any

_PREFIX = "/2018-06-01/runtime"


class Context:
    """The context object of the managed runtime."""

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = json.loads(headers.get("Lambda-Runtime-Client-Context", "null"))
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


class InitError(Exception):
    """The handler cannot be found; `kind` is the error type that the runtime reports."""

    def __init__(self, kind: str, message: str, stack: list[str] | None = None) -> None:
        self.kind = kind
        self.stack = stack or []
        super().__init__(message)


class Api:
    """One kept connection to the Runtime API."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, _PREFIX + path, body=body, headers=sent)
        return self._connection.getresponse()

    def next(self) -> tuple[Context, bytes]:
        response = self.call("GET", "/invocation/next")
        return Context(response.headers), response.read()

    def post(self, path: str, value: bytes, kind: str = "") -> None:
        headers = {"Content_Type": "application/json"}
        if kind:
            headers["Lambda_Runtime_Function_Error_Type"] = kind
        self.call("POST", path, value, **headers).read()


def load(handler: str) -> Any:
    """Import the handler `module.function`; raises InitError with the managed runtime's error types."""
    module_name, dot, function = handler.rpartition(".")
    if not dot:
        raise InitError("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        told = f"Syntax error in module '{module_name}': {error}"
        stack = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}\n']
        raise InitError("Runtime.UserCodeSyntaxError", told, stack) from error
    except Exception as error:
        raise InitError(type(error).__name__, str(error), traceback.format_tb(error.__traceback__)) from error
    if not hasattr(module, function):
        raise InitError("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'")
    return getattr(module, function)


def handle(api: Api, handler: Any, context: Context, payload: bytes) -> None:
    """Run the handler once and report what came of it."""
    path = f"/invocation/{context.aws_request_id}"
    try:
        result = handler(json.loads(payload), context)
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises is the invocation's error
        stack = traceback.format_tb(error.__traceback__)[1:]
        _report(api, f"{path}/error", _error(type(error).__name__, str(error), stack, context.aws_request_id))
        return
    try:
        body = json.dumps(result).encode()
    except (TypeError, ValueError) as error:
        told = f"Unable to marshal response: {error}"
        _report(api, f"{path}/error", _error("Runtime.MarshalError", told, [], context.aws_request_id))
        return
    api.post(f"{path}/response", body)


def _error(kind: str, message: str, stack: list[str], request_id: str) -> dict[str, Any]:
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": stack}


def _report(api: Api, path: str, error: dict[str, Any]) -> None:
    kind, message, stack = error["errorType"], error["errorMessage"], error["stackTrace"]
    print(f"[ERROR] {kind}: {message}\n" + ("Traceback (most recent call last):\n" if stack else "") + "".join(stack))
    api.post(path, json.dumps(error).encode(), kind)


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(os.environ["_HANDLER"])
    except InitError as error:
        _report(api, "/init/error", _error(error.kind, str(error), error.stack, ""))
        sys.exit(1)
    while True:
        handle(api, handler, *api.next())


if __name__ == "__main__":
    main()

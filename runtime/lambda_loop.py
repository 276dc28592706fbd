"""AWS Lambda: one invocation after the other, over the Runtime API."""

from __future__ import annotations

import _signal  # pyright: ignore[reportMissingImports] - `signal` itself imports enum and re
import os

from runtime import context as contexts
from runtime import hooks, logs
from runtime.codec import JSON, decode, encode, loads
from runtime.context import Context, Function, Identity
from runtime.errors import describe
from runtime.handler import PLAIN, URL_STREAMS, is_streamed, load, settled
from runtime.lambda_api import API_LOST, MAX_RESULT, ApiLostError, RuntimeApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from runtime.handler import Handler
    from runtime.http_head import Response
    from runtime.lambda_stream import StreamedResult

_TENANT = "lambda-runtime-aws-tenant-id"
_IDENTITY, _CLIENT = "lambda-runtime-cognito-identity", "lambda-runtime-client-context"
_ABOUT_THE_CALLER = frozenset({_TENANT, _IDENTITY, _CLIENT})
_TRACE_KEY = b"_X_AMZN_TRACE_ID"
_environ_data: dict[bytes, bytes] = os.environ._data  # pyright: ignore[reportAttributeAccessIssue] # noqa: SLF001
_BINARY = frozenset({bytes, bytearray, memoryview})


class ResultTooLargeError(Exception):
    """More than the Runtime API takes in one piece."""

    error_type = "Function.ResponseSizeTooLarge"


def run() -> int:
    """Serve invocations until the Runtime API is lost; the exit status, 0 only after SIGTERM."""
    logs.prepare("aws")
    # A KeyboardInterrupt is then always the handler's own, and reported as such.
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    count = os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1")
    return _run_workers(int(count)) if count.isdecimal() and int(count) > 1 else _run_alone()


def _run_workers(count: int) -> int:
    from runtime import lambda_shutdown, workers

    # Which hooks there will be, only the workers find out, and then it is too late to register for all of them.
    try:
        lambda_shutdown.register(os.environ["AWS_LAMBDA_RUNTIME_API"], must=False)
    except ApiLostError as error:
        logs.error(str(error))
        return 1
    return workers.supervise(count, lambda ready: _run_alone(ready, worker=True))


def _run_alone(ready: Callable[[], None] | None = None, *, worker: bool = False) -> int:
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    api = RuntimeApi(address)
    os.register_at_fork(after_in_child=api.abandon)
    status = 1
    try:
        handler = _load(api)
        if handler is not None:
            status = _before_first(api, address, worker=worker)
            if status == 0 and ready is not None:
                ready()
            status = status or _serve(api, handler)
    except ApiLostError as error:
        logs.error(str(error))
        status = API_LOST if worker else 1
    logs.flush()
    return status


def _before_first(api: RuntimeApi, address: str, *, worker: bool) -> int:
    """What is due between the initialisation and the first invocation; 0, or the status with which to exit."""
    if hooks.are_registered():
        from runtime import lambda_shutdown

        lambda_shutdown.run_on_sigterm()
        if not worker:  # which its supervisor has registered
            lambda_shutdown.register(address)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from runtime import snapstart

        return snapstart.pass_snapshot(api)
    return 0


def _load(api: RuntimeApi) -> Handler | None:
    try:
        return load(os.environ.get("_HANDLER", ""))
    except BaseException as error:  # noqa: BLE001 - a module that exits is an initialisation that failed
        failure = describe(error)
    logs.failure("aws", failure)
    api.fail_init(failure)
    return None


def _serve(api: RuntimeApi, handler: Handler) -> NoReturn:
    function = Function("aws", os.environ)
    while True:
        _invoke(api, handler, function)


def _invoke(api: RuntimeApi, handler: Handler, function: Function) -> None:
    invocation = api.next()
    context = _context(function, invocation)
    contexts.sole = context
    contexts.current.set(context)
    stream: StreamedResult | None = None
    body, media_type = b"", JSON
    try:
        event = _event(api, invocation)
        over_http = type(event) is dict and "requestContext" in event
        result = handler(event, context)
        if type(result) not in PLAIN:
            result = settled(result, shared_loop=False)
        del event  # a large one is gone while the result is encoded
        if is_streamed(result) or (over_http and (URL_STREAMS or type(result) in _BINARY)):
            stream, result = _for_caller(result, over_http=over_http)
        if stream is None:
            body, media_type = encode(result)
        if len(body) > MAX_RESULT:
            _refuse(len(body))
    except BaseException as error:  # noqa: BLE001
        # SystemExit too: ending the process would cost this caller the reason and the next one a cold start.
        failure = describe(error)
    else:
        logs.flush()
        if stream is None:
            api.respond(invocation.headers, body, media_type)
        else:
            stream.post(api, invocation.headers)
        return
    logs.failure("aws", failure)
    api.fail(invocation.headers, failure)


def _for_caller(result: Any, *, over_http: bool) -> tuple[StreamedResult | None, Any]:
    from runtime.lambda_stream import for_caller

    return for_caller(result, over_http=over_http)


def _refuse(size: int) -> NoReturn:
    limit = f"exceeded maximum allowed payload size ({MAX_RESULT} bytes)."
    raise ResultTooLargeError(f"Response payload size ({size} bytes) {limit}")


def _event(api: RuntimeApi, invocation: Response) -> Any:
    """JSON decoded, any other media type as bytes, as in the managed runtimes."""
    body = invocation.body
    event = decode(body) if invocation.headers.get("content-type", JSON).startswith(JSON) else bytes(body)
    body.release()
    api.free_event()
    return event


def _context(function: Function, invocation: Response) -> Context:
    headers = invocation.headers
    known = invocation.shared.get("known")
    if known is None:
        known = invocation.shared["known"] = _called(function, headers), not _ABOUT_THE_CALLER.isdisjoint(headers)
    called, tells_caller = known
    deadline = headers.get("lambda-runtime-deadline-ms", "")
    context = Context(
        called, headers["lambda-runtime-aws-request-id"], float(deadline) if deadline.isdecimal() else 0.0
    )
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id is not None:
        context.trace_id = trace_id
    _set_trace_variable(trace_id)
    if tells_caller:
        _tell_caller(context, headers)
    return context


def _tell_caller(context: Context, headers: dict[str, str]) -> None:
    context.tenant_id = headers.get(_TENANT)
    identity = headers.get(_IDENTITY)
    if identity is not None:
        context.identity = Identity(_object(identity))
    client = headers.get(_CLIENT)
    if client is not None:
        context.set_client_context(_object(client))


def _called(function: Function, headers: dict[str, str]) -> Function:
    """The function under the name by which it was called; it changes where aliases share an environment."""
    arn = headers.get("lambda-runtime-invoked-function-arn", "")
    parts = arn.split(":", 5)
    return function.called({"invoked_function_arn": arn, "account_id": parts[4] if len(parts) > 5 else ""})


def _set_trace_variable(trace_id: str | None) -> None:
    """Show the trace to libraries, which look for it in `os.environ`.

    Past the environment of the C library, which keeps every value that a variable ever had: with a trace for each
    invocation, that would be a leak of 140 bytes each time.
    """
    if trace_id is not None:
        _environ_data[_TRACE_KEY] = trace_id.encode()
    else:
        _environ_data.pop(_TRACE_KEY, None)


def _object(header: str) -> dict[str, Any]:
    """The JSON object in a header that the caller filled; nothing when it is none, since it is no fault of ours."""
    try:
        value = loads(header.encode("latin-1"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

"""The Test button: one signed call to the Invoke API of Lambda or FC, and its result for people or for scripts."""

from __future__ import annotations

import base64
import http.client
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from multidict import CIMultiDict

from localcloud.store import Store

from .alibaba import acs3
from .alibaba.fc.function import find_function, log_group
from .aws import sigv4
from .aws.cloudfront import edge_events
from .aws.cloudfront import service as cloudfront
from .aws.lambda_.function import FunctionVersion, Target, find_version
from .keyring import account_keys
from .logs import shown, unknown
from .messages import Request
from .router import fc_api_host

_REPORT = re.compile(r"Duration: ([0-9.]+) ms.*?Memory Size: (\d+) MB\s+Max Memory Used: (\d+) MB", re.DOTALL)


class InvocationError(Exception):
    """The call itself was refused; the message is one sentence."""


@dataclass(frozen=True)
class Invoked:
    """What one invocation gave."""

    result: str
    failed: bool
    log: str
    duration_ms: str
    used_mb: str
    limit_mb: str


def invoke(store: Store, port: int, kind: str, target: str, event: str) -> Invoked:
    """Run an event on a `lambda`, `edge` or `fc` target; raises UnknownTarget or InvocationError."""
    if kind == "fc":
        return _invoke_fc(store, port, target, event or "{}")
    version = find_version(store, Target.parse(target))
    if version is None:
        raise unknown(store, kind, target)
    if kind == "edge" and event.strip() in {"", "{}"}:
        event = json.dumps(sample_event(store, version))
    return _invoke_lambda(store, port, version, target, event or "{}")


def sample_event(store: Store, version: FunctionVersion) -> dict[str, Any]:
    """A CloudFront event as the distribution that uses this version would make it for a POST."""
    arn = f"{version.arn}:{version.version}"
    for distribution in store.list(cloudfront.DISTRIBUTION):
        behaviour = distribution.properties["defaultCacheBehavior"]
        for association in behaviour.get("lambdaFunctionAssociations") or []:
            if association["lambdaArn"] == arn:
                return _event(
                    distribution.id, str(distribution.properties["domainName"]), str(association["eventType"])
                )
    return _event("EDFDVBD6EXAMPLE", "d111111abcdef8.cloudfront.net", edge_events.ORIGIN_REQUEST)


def _event(identifier: str, domain: str, event_type: str) -> dict[str, Any]:
    headers = CIMultiDict({"Host": domain, "User-Agent": "curl/8.0", "Content-Type": "application/json"})
    request = Request(
        "POST", domain, "/", headers=headers, body=b'{"firstName": "Rustacean"}', client_ip="203.0.113.178"
    )
    described = edge_events.request_json(request, event_type, include_body=True, origin=None)
    cf: dict[str, Any] = {"request": described}
    if event_type.endswith("-response"):
        ok = {"status": "200", "statusDescription": "OK"}
        cf["response"] = {**ok, "headers": {"content-type": [{"key": "Content-Type", "value": "application/json"}]}}
    config = {"distributionDomainName": domain, "distributionId": identifier, "eventType": event_type}
    return edge_events.make_event({**config, "requestId": "local-test-event"}, cf)


def read_event(text: str) -> str:
    """The event given on the command line: JSON, or `@file`; raises InvocationError."""
    try:
        event = Path(text[1:]).read_text() if text.startswith("@") else text
        json.loads(event or "{}")
    except OSError as error:
        raise InvocationError(f"The event file {text[1:]!r} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvocationError(f"The event is no valid JSON: {error}.") from error
    return event


def show(invoked: Invoked) -> None:
    """Result, log, duration, memory used and memory limit, each apart; in colour on a terminal."""
    parts = {
        "Result": invoked.result,
        "Log": shown(invoked.log).rstrip("\n"),
        "Duration": f"{invoked.duration_ms} ms",
        "Memory used": f"{invoked.used_mb} MB",
        "Memory limit": f"{invoked.limit_mb} MB",
    }
    if not sys.stdout.isatty():
        sys.stdout.write("\n".join(f"{name}\n{text}\n" for name, text in parts.items()))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for name, text in parts.items():
        colour = "red" if invoked.failed and name == "Result" else "green"
        console.print(Text(name, style=f"bold {colour}"))
        console.print(Text(f"{text}\n"))


def _invoke_lambda(store: Store, port: int, version: FunctionVersion, target: str, event: str) -> Invoked:
    qualifier = Target.parse(target).qualifier
    host = f"lambda.{version.region}.amazonaws.com"
    headers = CIMultiDict({"Host": host, "X-Amz-Log-Type": "Tail", "Content-Type": "application/json"})
    path = f"/2015-03-31/functions/{version.name}/invocations"
    query = f"Qualifier={quote(qualifier, safe='')}" if qualifier else ""
    request = Request("POST", host, path, query, headers, event.encode())
    sigv4.sign(request, account_keys(store.root)["aws"], "lambda", version.region)
    answer, body = _call(port, request)
    if answer.status != 200:
        raise InvocationError(f"Lambda refused the call ({answer.status}): {body}")
    log = base64.b64decode(answer.headers.get("X-Amz-Log-Result", "")).decode("utf-8", "replace")
    report = _REPORT.search(log)
    duration, limit, used = report.groups() if report else ("?", str(version.memory_mb), "?")
    return Invoked(body, "X-Amz-Function-Error" in answer.headers, log, duration, used, limit)


def _invoke_fc(store: Store, port: int, name: str, event: str) -> Invoked:
    function = find_function(store, name)
    if function is None:
        raise unknown(store, "fc", name)
    host = fc_api_host(function.region)
    path = f"/2023-03-30/functions/{quote(name, safe='')}/invocations"
    request = Request("POST", host, path, headers=CIMultiDict({"Host": host}), body=event.encode())
    acs3.sign(request, account_keys(store.root)["alibaba"])
    group = log_group(name)
    before = max((line.number for line in store.read_logs(group)), default=0)
    answer, body = _call(port, request)
    instance = answer.headers.get("X-Fc-Instance-Id", "")
    lines = [line.message for line in store.read_logs(group, before) if line.stream == instance or not instance]
    failed = "X-Fc-Error-Type" in answer.headers or answer.status != 200
    duration = answer.headers.get("X-Fc-Invocation-Duration", "?")
    used = answer.headers.get("X-Fc-Max-Memory-Usage", "?")
    return Invoked(body, failed, "\n".join(lines), duration, used, str(function.memory_mb))


def _call(port: int, request: Request) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request(request.method, request.target, body=request.body, headers=dict(request.headers))
        answer = connection.getresponse()
        return answer, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise InvocationError("The local data plane does not answer; start it with `make up`.") from error
    finally:
        connection.close()

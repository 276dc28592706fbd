"""An FC 3.0 function as the state holds it, its environment and the headers that FC adds to every request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.data.keyring import ALIBABA_ACCOUNT, AccessKey
from localcloud.store import Resource, Store

FUNCTION = "alicloud:fc/v3Function:V3Function"
TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"

CODE_PATH = "/code"
_DEFAULT_PORT = 9000
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin"
"""What lies below /var/fc/lang is on no function's path unless the function puts it there."""


@dataclass(frozen=True)
class Hook:
    """A lifecycle callback that is switched on."""

    timeout_s: int


@dataclass(frozen=True)
class HealthCheck:
    """The check by HTTP that is switched on, with the API's defaults."""

    path: str
    initial_delay_s: int = 0
    period_s: int = 3
    timeout_s: int = 1
    failure_threshold: int = 3
    success_threshold: int = 1


@dataclass(frozen=True)
class FcFunction:
    """What decides how a function runs; equal values may share instances."""

    name: str
    region: str
    runtime: str
    handler: str
    code: str
    """SHA-256 of the zip."""
    command: tuple[str, ...]
    port: int
    """The configured listening port; instances here get a free one in its place."""
    memory_mb: int
    timeout_s: int
    concurrency: int
    environment: tuple[tuple[str, str], ...]
    role: str
    initializer: Hook | None
    pre_stop: Hook | None
    health: HealthCheck | None
    log_project: str
    log_store: str


def find_function(store: Store, name: str) -> FcFunction | None:
    """The function as it is now; None when there is none of that name."""
    resource = store.get(FUNCTION, name)
    return _function(resource) if resource else None


def log_group(name: str) -> str:
    """Where the lines of a function's instances are kept."""
    return f"fc/{name}"


def environment(
    function: FcFunction, folder: Path, port: int, instance_id: str, key: AccessKey | None
) -> dict[str, str]:
    """Exactly the variables that FC sets, then the function's own; credentials only with a role.

    Source: Function Compute documentation, "Configure environment variables". FC_FUNC_CODE_PATH names the
    unpacked folder, because nothing is mounted here, and the port is one that is free on this machine.
    """
    version = "FC_VER_ID" if function.runtime in {"custom", "custom.debian10"} else "FC_FUNCTION_VERSION"
    variables = {
        "FC_ACCOUNT_ID": ALIBABA_ACCOUNT,
        "FC_CUSTOM_LISTEN_PORT": str(port),
        "FC_FUNCTION_HANDLER": function.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "FC_FUNCTION_NAME": function.name,
        "FC_FUNC_CODE_PATH": str(folder),
        "FC_INSTANCE_ID": instance_id,
        "FC_REGION": function.region,
        "PATH": _PATH,
        version: "LATEST",
    }
    if key is not None:
        variables |= {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": key.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": key.token,
        }
    return variables | dict(function.environment)


def endpoints(function: FcFunction, port: int) -> dict[str, str]:
    """Where the services are that a function calls. The cloud sets none of these: there the names resolve."""
    return {
        "OSS_ENDPOINT": f"http://oss-{function.region}-internal.aliyuncs.com.localhost:{port}",
        "CDN_ENDPOINT": f"http://cdn.aliyuncs.com.localhost:{port}",
    }


def local_command(function: FcFunction, folder: Path) -> list[str]:
    """The start command with /code replaced by the unpacked folder."""
    return [
        str(folder) + part[len(CODE_PATH) :] if part.startswith(f"{CODE_PATH}/") else part for part in function.command
    ]


def common_headers(function: FcFunction, request_id: str, control_path: str) -> dict[str, str]:
    """The headers of every request of FC to an instance, named and filled as on the real service.

    The credential headers are there but empty (custom runtimes read the environment), like several others.
    """
    return {
        "X-Fc-Access-Key-Id": "",
        "X-Fc-Access-Key-Secret": "",
        "X-Fc-Account-Id": ALIBABA_ACCOUNT,
        "X-Fc-Api-Server-Ip": "",
        "X-Fc-Client-Ip": "",
        "X-Fc-Control-Path": control_path,
        "X-Fc-Function-Handler": function.handler,
        "X-Fc-Function-Memory": str(function.memory_mb),
        "X-Fc-Function-Name": function.name,
        "X-Fc-Function-Timeout": str(function.timeout_s),
        "X-Fc-Qualifier": "LATEST",
        "X-Fc-Region": function.region,
        "X-Fc-Request-Id": request_id,
        "X-Fc-Retry-Count": "0",
        "X-Fc-Security-Token": "",
        "X-Fc-Service-Logproject": function.log_project,
        "X-Fc-Service-Logstore": function.log_store,
        "X-Fc-Service-Name": "",
        "X-Fc-Tracing-Jaeger-Endpoint": "",
        "X-Fc-Tracing-Opentracing-Span-Baggages": "",
        "X-Fc-Tracing-Opentracing-Span-Context": "",
        "X-Fc-Version-Id": "",
    }


def _function(resource: Resource) -> FcFunction:
    properties = resource.properties
    custom = properties.get("customRuntimeConfig") or {}
    lifecycle = properties.get("instanceLifecycleConfig") or {}
    log = properties.get("logConfig") or {}
    command = [*(custom.get("commands") or []), *(custom.get("args") or [])] or [f"{CODE_PATH}/bootstrap"]
    return FcFunction(
        name=str(properties.get("functionName") or resource.id),
        region=_region(properties),
        runtime=str(properties.get("runtime", "")),
        handler=str(properties.get("handler", "")),
        code=str(resource.private.get("code", "")),
        command=tuple(str(part) for part in command),
        port=int(custom.get("port") or _DEFAULT_PORT),
        memory_mb=int(properties.get("memorySize") or 512),
        timeout_s=int(properties.get("timeout") or 3),
        concurrency=int(properties.get("instanceConcurrency") or 1),
        environment=tuple(sorted((str(k), str(v)) for k, v in (properties.get("environmentVariables") or {}).items())),
        role=str(properties.get("role") or ""),
        initializer=_hook(lifecycle.get("initializer")),
        pre_stop=_hook(lifecycle.get("preStop")),
        health=_health(custom.get("healthCheckConfig") or {}),
        log_project=str(log.get("project") or ""),
        log_store=str(log.get("logstore") or ""),
    )


def _hook(config: dict[str, Any] | None) -> Hook | None:
    return Hook(int(config.get("timeout") or 3)) if config and config.get("handler") else None


def _health(config: dict[str, Any]) -> HealthCheck | None:
    if not config.get("httpGetUrl"):
        return None
    names = {
        "initialDelaySeconds": "initial_delay_s",
        "periodSeconds": "period_s",
        "timeoutSeconds": "timeout_s",
        "failureThreshold": "failure_threshold",
        "successThreshold": "success_threshold",
    }
    given = {ours: int(config[theirs]) for theirs, ours in names.items() if config.get(theirs) is not None}
    return HealthCheck(str(config["httpGetUrl"]), **given)


def _region(properties: dict[str, Any]) -> str:
    parts = str(properties.get("functionArn") or "").split(":")
    return parts[2] if len(parts) > 2 else "cn-hongkong"

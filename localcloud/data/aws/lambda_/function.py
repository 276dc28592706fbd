"""One version of a Lambda function as the state holds it, and the environment that Lambda gives its process."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.data.keyring import AWS_ACCOUNT, AccessKey
from localcloud.store import Resource, Store

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
LATEST = "$LATEST"

MANAGED_RUNTIME = Path(__file__).parent / "managed"
"""Folder that stands for /var/runtime of a managed runtime."""

_ARN = re.compile(r"arn:aws:lambda:([a-z0-9-]+):(\d{12}):function:([A-Za-z0-9_-]+)(?::([$A-Za-z0-9_-]+))?")


@dataclass(frozen=True)
class FunctionVersion:
    """What decides how a function runs; equal values may share warm sandboxes."""

    name: str
    version: str
    region: str
    account: str
    runtime: str
    handler: str
    memory_mb: int
    timeout_s: int
    code: str
    """SHA-256 of the zip."""
    role: str
    environment: tuple[tuple[str, str], ...]
    log_group: str
    log_format: str
    log_level: str

    @property
    def arn(self) -> str:
        """Without qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def managed(self) -> bool:
        """Whether the cloud brings the interpreter; only Python is known here."""
        return self.runtime.startswith("python")


@dataclass(frozen=True)
class Target:
    """A function name with a qualifier, as an ARN or the Invoke API names it."""

    name: str
    qualifier: str = ""
    region: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """From a name, `name:qualifier`, or a full ARN with or without qualifier."""
        match = _ARN.fullmatch(text)
        if match:
            return cls(match[3], match[4] or "", match[1])
        name, _, qualifier = text.partition(":")
        return cls(name, qualifier)


def find_version(store: Store, target: Target) -> FunctionVersion | None:
    """The version that a target means now; None when the function, alias or version does not exist."""
    function = store.get(FUNCTION, target.name)
    if function is None or target.region not in {"", _region(function.properties)}:
        return None
    version = _resolve_alias(store, target)
    if version == LATEST:
        return _version(function, LATEST, function.properties, function.private.get("code", ""))
    published = function.private.get("versions", {}).get(version)
    if published is None:
        return None
    return _version(function, version, published["properties"], published["code"])


def _resolve_alias(store: Store, target: Target) -> str:
    aliases = store.find(ALIAS, functionName=target.name, name=target.qualifier)
    return str(aliases[0].properties["functionVersion"]) if aliases else target.qualifier or LATEST


def _version(function: Resource, version: str, properties: dict[str, Any], code: str) -> FunctionVersion:
    name = str(function.properties.get("name", function.id))
    logging = properties.get("loggingConfig") or {}
    variables = (properties.get("environment") or {}).get("variables") or {}
    return FunctionVersion(
        name=name,
        version=version,
        region=_region(function.properties),
        account=str(function.properties.get("arn", "")).split(":")[4:5][0] or AWS_ACCOUNT,
        runtime=str(properties.get("runtime", "")),
        handler=str(properties.get("handler", "")),
        memory_mb=int(properties.get("memorySize") or 128),
        timeout_s=int(properties.get("timeout") or 3),
        code=code,
        role=str(properties.get("role", "")),
        environment=tuple(sorted((str(key), str(value)) for key, value in variables.items())),
        log_group=str(logging.get("logGroup") or ""),
        log_format=str(logging.get("logFormat") or "Text"),
        log_level=str(logging.get("applicationLogLevel") or "INFO"),
    )


def _region(properties: dict[str, Any]) -> str:
    match = _ARN.match(str(properties.get("arn", "")))
    return match[1] if match else str(properties.get("region", ""))


def log_group(version: FunctionVersion, *, at_edge: bool = False) -> str:
    """The group of CloudWatch Logs that a version writes to.

    A replica at the edge writes to `/aws/lambda/us-east-1.<name>` unless the function names a group of its own
    (Amazon CloudFront Developer Guide, "Edge function logs").
    """
    replica = "us-east-1." if at_edge else ""
    return version.log_group or f"/aws/lambda/{replica}{version.name}"


def command(version: FunctionVersion, folder: Path) -> list[str]:
    """What Lambda starts: the zip's `bootstrap`, or the interpreter of the managed runtime.

    The managed interpreter is this machine's Python without its site packages: the Python version is the
    machine's, and boto3, which Lambda adds, is not there.
    """
    if version.managed:
        return [sys.executable, "-S", "-B", "-X", "utf8", str(MANAGED_RUNTIME / "bootstrap.py")]
    return [str(folder / "bootstrap")]


def endpoints(version: FunctionVersion, port: int) -> dict[str, str]:
    """Where the services are that a function calls. The cloud sets none of these: there the names resolve."""
    if version.managed:
        return {}
    return {
        "AWS_ENDPOINT_URL_CLOUDFRONT": f"http://cloudfront.amazonaws.com.localhost:{port}",
        "AWS_ENDPOINT_URL_S3": f"http://s3.{version.region}.amazonaws.com.localhost:{port}",
    }


def environment(
    version: FunctionVersion, folder: Path, api: str, log: tuple[str, str], key: AccessKey
) -> dict[str, str]:
    """Exactly the variables that Lambda sets, then the function's own; `log` is group and stream.

    Source of the names and values: a zip function's environment recorded on AWS for `provided.al2023` and
    `python3.13` (Lambda Developer Guide, "Defined runtime environment variables"). Two values differ because
    nothing is mounted here: LAMBDA_TASK_ROOT names the unpacked folder, and the Runtime API is on loopback.
    """
    variables = {
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log[0],
        "AWS_LAMBDA_LOG_STREAM_NAME": log[1],
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_REGION": version.region,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_SESSION_TOKEN": key.token,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(folder),
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
        f"{folder}:{folder}/lib:/opt/lib",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TZ": ":UTC",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "_HANDLER": version.handler,
    }
    if version.managed:
        variables |= {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
            "LC_CTYPE": "C.UTF-8",
            "PWD": str(folder),
            "PYTHONPATH": str(MANAGED_RUNTIME),
            "SHLVL": "0",
        }
    if version.log_format == "JSON":
        variables |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": version.log_level}
    return variables | dict(version.environment)

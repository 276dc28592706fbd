"""The second argument of a handler: one class with the fields of both clouds.

Attribute names of AWS's own context object are kept (Lambda Developer Guide, "Using the Lambda context object to
retrieve Python function information"), so that libraries written for it work on both clouds.
"""

from __future__ import annotations

import os
from _contextvars import ContextVar
from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Mapping
    from typing import Any, Literal


class Function:
    """What stays the same for the life of the process, read from the environment once."""

    __slots__ = (
        "account_id",
        "cloud",
        "function_name",
        "function_version",
        "invoked_function_arn",
        "log_group_name",
        "log_stream_name",
        "memory_limit_in_mb",
        "region",
    )

    def __init__(self, cloud: Literal["aws", "alibaba"], environ: Mapping[str, str]) -> None:
        def first(*names: str) -> str:
            return next((environ[name] for name in names if environ.get(name)), "")

        self.cloud: Literal["aws", "alibaba"] = cloud
        self.function_name = first("AWS_LAMBDA_FUNCTION_NAME", "FC_FUNCTION_NAME")
        self.function_version = first("AWS_LAMBDA_FUNCTION_VERSION", "FC_FUNCTION_VERSION", "FC_VER_ID")
        self.memory_limit_in_mb = first("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "FC_FUNCTION_MEMORY_SIZE")
        self.region = first("AWS_REGION", "AWS_DEFAULT_REGION", "FC_REGION")
        self.account_id = first("FC_ACCOUNT_ID")
        self.log_group_name = first("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = first("AWS_LAMBDA_LOG_STREAM_NAME", "FC_INSTANCE_ID")
        self.invoked_function_arn = ""

    def called(self, fields: Mapping[str, str]) -> Function:
        """This function as one caller names it; `fields`: attributes that differ."""
        copy = Function.__new__(Function)
        for name in Function.__slots__:
            setattr(copy, name, fields.get(name, getattr(self, name)))
        return copy


class _OfFunction:
    """An attribute of the context that its function holds, until a handler sets it anew."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, context: Context | None, owner: type[Context]) -> Any:
        return self if context is None else getattr(context._function, self._name)  # noqa: SLF001


class Credentials:
    """Temporary keys of the function's role. Only the key id shows in `repr`."""

    __slots__ = ("access_key_id", "access_key_secret", "security_token")

    def __init__(self, access_key_id: str, access_key_secret: str, security_token: str) -> None:
        self.access_key_id = access_key_id
        self.access_key_secret = access_key_secret
        self.security_token = security_token

    def __repr__(self) -> str:
        return f"Credentials(access_key_id={self.access_key_id!r})"


class Identity:
    """The Amazon Cognito identity that called; both fields are None when there is none."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.cognito_identity_id: str | None = fields.get("cognitoIdentityId")
        self.cognito_identity_pool_id: str | None = fields.get("cognitoIdentityPoolId")


class Client:
    """The mobile application that called through AWS's Mobile SDK."""

    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.installation_id: str | None = fields.get("installation_id")
        self.app_title: str | None = fields.get("app_title")
        self.app_version_name: str | None = fields.get("app_version_name")
        self.app_version_code: str | None = fields.get("app_version_code")
        self.app_package_name: str | None = fields.get("app_package_name")


class ClientContext:
    """What the caller sent as the client context of an AWS invocation."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        client = fields.get("client")
        self.client = Client(client) if isinstance(client, dict) else None
        self.custom: dict[str, Any] | None = fields.get("custom")
        self.env: dict[str, Any] | None = fields.get("env")


class Context:
    """One invocation. A handler may set attributes of its own on it."""

    identity = Identity({})
    client_context: ClientContext | None = None
    tenant_id: str | None = None
    """Tenant of an AWS function in tenant isolation mode."""
    trace_id: str | None = None
    """X-Ray trace header, `Root=…;Parent=…;Sampled=…`."""
    key_headers: tuple[str, str, str] = ("", "", "")
    """Keys that came with an FC request; read `credentials` instead."""
    caller: socket | None = None
    """The connection that an FC request came by; ask `caller_gone` instead."""
    _w3c: Mapping[str, str] = {}
    cloud: Literal["aws", "alibaba"]
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    region: str
    account_id: str
    log_group_name: str
    log_stream_name: str
    invoked_function_arn: str

    def __init__(self, function: Function, request_id: str, deadline_ms: float) -> None:
        """`deadline_ms`: milliseconds since the epoch at which the cloud ends the invocation."""
        self._function = function
        self.request_id = self.aws_request_id = request_id
        self.deadline_ms = deadline_ms

    def remaining_ms(self) -> int:
        """Milliseconds until the cloud ends this invocation, never below 0."""
        return max(0, int(self.deadline_ms - time() * 1000))

    get_remaining_time_in_millis = remaining_ms

    @property
    def credentials(self) -> Credentials:
        """Keys of the function's role, read from the environment each time: the clouds renew them.

        On FC the headers stand in where the environment has none; an empty value counts as missing (Function
        Compute, "Environment variables" and "Custom runtime: common headers"). All fields are empty without a role.
        """
        prefix = "AWS_" if self.cloud == "aws" else "ALIBABA_CLOUD_"
        names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
        if self.cloud == "alibaba":
            names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
        key, secret, token = (os.environ.get(prefix + name, "") for name in names)
        return Credentials(key, secret, token) if key and secret else Credentials(*self.key_headers)

    @property
    def caller_gone(self) -> bool:
        """Whether the caller on FC has closed its connection, so that work nobody waits for may end early.

        Looked up at each call. Never true on Lambda, where only the cloud is connected and runs a handler to its end.
        """
        if self.caller is None:
            return False
        from select import POLLERR, POLLHUP, POLLRDHUP, poll

        poller = poll()
        try:
            poller.register(self.caller, POLLRDHUP | POLLHUP | POLLERR)
        except ValueError:  # closed on our side: the request was answered, or given up, long ago
            return True
        return bool(poller.poll(0))

    def set_client_context(self, fields: Mapping[str, Any]) -> None:
        """Take what the caller sent: `client`, `custom`, `env`, and `w3c` for the trace context."""
        self.client_context = ClientContext(fields)
        w3c = fields.get("w3c")
        if isinstance(w3c, dict):
            known = ("traceparent", "tracestate", "baggage")
            self._w3c = {name: w3c[name] for name in known if isinstance(w3c.get(name), str)}

    def w3c(self) -> Mapping[str, str]:
        """W3C trace context of the caller: `traceparent`, `tracestate`, `baggage`, as far as sent."""
        return self._w3c

    def log(self, message: object) -> None:
        """Write one message to the function's log."""
        print(message)

    def __repr__(self) -> str:
        return f"Context(cloud={self.cloud!r}, request_id={self.request_id!r}, function_name={self.function_name!r})"


for _name in Function.__slots__:
    # Copying them into each context would cost as much as all the rest of it.
    setattr(Context, _name, _OfFunction(_name))

current: ContextVar[Context | None] = ContextVar("isthmus_context", default=None)
"""The invocation that this thread or task works for."""

sole: Context | None = None
"""The one invocation in progress where there is never a second; known to threads that a handler starts, too."""


def current_request_id() -> str:
    """Request id of the invocation in progress, `-` outside of one."""
    context = current.get() or sole
    return context.request_id if context is not None else "-"

"""The API of the CDN, version 2018-05-10: refreshing what is kept, and the tasks of it.

Source: Alibaba Cloud CDN API reference, "RefreshObjectCaches", "DescribeRefreshTasks", "DescribeRefreshTaskById",
"DescribeRefreshQuota" and their error codes; common errors of the API gateway. Object types are File and Directory. A
refresh is done at once, where the cloud takes some minutes. Calls a minute and a second are not limited. The sentence
of QuotaExceeded.Refresh is ours.
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

from multidict import CIMultiDict

from localcloud import ram
from localcloud.data.alibaba.acs3 import SignatureError, verify
from localcloud.data.keyring import ALIBABA_ACCOUNT, ALIBABA_ROOT, Keyring, Principal
from localcloud.data.messages import Request, Response, json_response
from localcloud.store import Store

from .service import DOMAIN, Cdn

HOST = "cdn.aliyuncs.com"
VERSION = "2018-05-10"

_MAX_OBJECTS = {"File": 1000, "Directory": 100}
_A_DAY = {"File": 10_000, "Directory": 100}
_CHINA = timezone(timedelta(hours=8))
_URL = re.compile(r"(?:https?://)?([a-z0-9.-]+)(?::\d+)?(/[!-~]*)", re.IGNORECASE)
_GATEWAY = {
    "InvalidArgument": (400, "IncompleteSignature", "The request signature does not conform to Aliyun standards."),
    "InvalidAccessKeyID": (404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
    "SignatureNotMatch": (
        400,
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation.",
    ),
    "InvalidSecurityToken": (
        400,
        "InvalidSecurityToken.MismatchWithAccessKey",
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    "SecurityTokenExpired": (400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."),
}


class CdnError(Exception):
    """The API refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


@dataclass(frozen=True)
class Task:
    """One path that was refreshed."""

    id: str
    type: str
    path: str
    created: datetime

    def described(self) -> dict[str, str]:
        return {
            "TaskId": self.id,
            "ObjectType": self.type.lower(),
            "ObjectPath": self.path,
            "Status": "Complete",
            "Process": "100%",
            "CreationTime": self.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


class CdnApi:
    """The operations on one CDN."""

    def __init__(self, store: Store, keyring: Keyring, cdn: Cdn) -> None:
        self._store = store
        self._keyring = keyring
        self._cdn = cdn
        self._tasks: list[Task] = []
        self._serve: dict[str, Callable[[Principal, dict[str, str]], dict[str, Any]]] = {
            "RefreshObjectCaches": self._refresh,
            "DescribeRefreshTasks": self._describe,
            "DescribeRefreshTaskById": self._describe_one,
            "DescribeRefreshQuota": self._describe_quota,
        }

    async def handle(self, request: Request, _resource: None = None) -> Response:
        """Answer a call to `cdn.aliyuncs.com`."""
        id_ = str(uuid.uuid4()).upper()
        try:
            told = self._answer(request)
        except CdnError as error:
            told = {"HostId": HOST, "Code": error.code, "Message": str(error)}
            return json_response(error.status, {"RequestId": id_, **told})
        return json_response(200, {"RequestId": id_, **told})

    def _answer(self, request: Request) -> dict[str, Any]:
        parameters = _parameters(request)
        action = request.headers.get("x-acs-action") or parameters.get("Action", "")
        version = request.headers.get("x-acs-version") or parameters.get("Version", "")
        serve = self._serve.get(action)
        if serve is None or version != VERSION:
            told = "Specified api is not found, please check your url and method."
            raise CdnError(404, "InvalidAction.NotFound", told)
        if "Authorization" not in request.headers:
            raise CdnError(400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
        try:
            principal = verify(request, self._keyring, dated=False)
        except SignatureError as error:
            raise CdnError(*_GATEWAY[error.kind]) from error
        return serve(principal, parameters)

    def _refresh(self, caller: Principal, parameters: dict[str, str]) -> dict[str, Any]:
        type_ = parameters.get("ObjectType", "File").capitalize()
        if type_ not in _MAX_OBJECTS:
            raise CdnError(400, "InvalidObjectType.Malformed", "The specified ObjectType is invalid.")
        paths = [path.strip() for path in parameters.get("ObjectPath", "").splitlines() if path.strip()]
        if not paths:
            raise CdnError(400, "MissingObjectPath", "ObjectPath is mandatory for this action.")
        if len(paths) > _MAX_OBJECTS[type_]:
            told = f"A maximum of {_MAX_OBJECTS[type_]} URLs are supported for each request."
            raise CdnError(400, "SingleRequest.OverLimit", told)
        targets = [self._target(path, type_) for path in paths]
        for domain in {domain for domain, _ in targets}:
            self._require(caller, "cdn:RefreshObjectCaches", domain)
        if self._used(type_) + len(paths) > _A_DAY[type_]:
            told = f"The refresh quota of {_A_DAY[type_]} a day is exceeded."
            raise CdnError(400, "QuotaExceeded.Refresh", told)
        task = str(10_000_000_000 + secrets.randbelow(90_000_000_000))
        for path, (domain, target) in zip(paths, targets, strict=True):
            self._cdn.refresh(domain, target, below=type_ == "Directory")
            self._tasks.append(Task(task, type_, path, datetime.now(UTC)))
        return {"RefreshTaskId": task}

    def _target(self, path: str, type_: str) -> tuple[str, str]:
        """Domain and path with query; raises CdnError."""
        match = _URL.fullmatch(path)
        if match is None or (type_ == "Directory" and not path.endswith("/")):
            raise CdnError(400, "InvalidObjectPath.Malformed", "The specified ObjectPath is invalid.")
        domain = match[1].lower()
        if not self._store.find(DOMAIN, domainName=domain):
            raise CdnError(404, "InvalidDomain.NotFound", "The domain provided does not belong to you.")
        return domain, match[2].partition("#")[0]

    def _describe(self, caller: Principal, parameters: dict[str, str]) -> dict[str, Any]:
        self._require(caller, "cdn:DescribeRefreshTasks", "*")
        number, size = _count(parameters, "PageNumber", 1), _count(parameters, "PageSize", 20)
        wanted = [
            task
            for task in reversed(self._tasks)
            if parameters.get("TaskId", task.id) == task.id
            and parameters.get("ObjectPath", task.path) == task.path
            and parameters.get("ObjectType", task.type).lower() == task.type.lower()
        ]
        page = wanted[(number - 1) * size : number * size]
        tasks = {"CDNTask": [task.described() for task in page]}
        return {"PageNumber": number, "PageSize": size, "TotalCount": len(wanted), "Tasks": tasks}

    def _describe_one(self, caller: Principal, parameters: dict[str, str]) -> dict[str, Any]:
        self._require(caller, "cdn:DescribeRefreshTaskById", "*")
        if "TaskId" not in parameters:
            raise CdnError(400, "MissingTaskId", "TaskId is mandatory for this action.")
        tasks = [task.described() for task in self._tasks if task.id in parameters["TaskId"].split(",")]
        return {"TotalCount": len(tasks), "Tasks": tasks}

    def _describe_quota(self, caller: Principal, _parameters: dict[str, str]) -> dict[str, Any]:
        self._require(caller, "cdn:DescribeRefreshQuota", "*")
        return {
            "UrlQuota": str(_A_DAY["File"]),
            "UrlRemain": str(_A_DAY["File"] - self._used("File")),
            "DirQuota": str(_A_DAY["Directory"]),
            "DirRemain": str(_A_DAY["Directory"] - self._used("Directory")),
        }

    def _used(self, type_: str) -> int:
        """Paths of a type that were refreshed today, by the clock of China."""
        today = datetime.now(_CHINA).date()
        return sum(task.type == type_ and task.created.astimezone(_CHINA).date() == today for task in self._tasks)

    def _require(self, caller: Principal, action: str, domain: str) -> None:
        if caller.arn == ALIBABA_ROOT:
            return
        call = ram.Call(action, f"acs:cdn:*:{ALIBABA_ACCOUNT}:domain/{domain}", {})
        if not ram.judge(self._store, caller.arn, call).allowed:
            told = "User not authorized to operate on the specified resource, or this API doesn't support RAM."
            raise CdnError(403, "Forbidden.RAM", told)


def _count(parameters: dict[str, str], name: str, default: int) -> int:
    text = parameters.get(name, str(default))
    if not text.isdigit() or not int(text):
        raise CdnError(400, f"Invalid{name}", f"The specified {name} is invalid.")
    return int(text)


def _parameters(request: Request) -> dict[str, str]:
    """Those of the query, and those of a form or of a JSON object in the body."""
    found = dict(parse_qsl(request.query, keep_blank_values=True))
    headers: CIMultiDict[str] = request.headers
    kind = headers.get("Content-Type", "").partition(";")[0]
    if kind == "application/x-www-form-urlencoded":
        found |= parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    elif kind == "application/json" and request.body:
        try:
            told = json.loads(request.body)
        except ValueError as error:
            raise CdnError(400, "InvalidParameter", "The body is no valid JSON.") from error
        found |= {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}
    return found

"""Object events of OSS: which function's trigger asks for one, and the event that the function gets.

An event becomes an asynchronous invocation in the store, whichever plane has written the object.
Source: Function Compute documentation, "Configure a native OSS trigger", "Overview of OSS triggers". Whether a key
with unusual characters is percent-encoded in the event is in no document; here it is not.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud import ram
from localcloud.objects import StoredObject
from localcloud.store import QueuedInvocation, Resource, Store

BUCKET = "alicloud:oss/bucket:Bucket"
FUNCTION = "alicloud:fc/v3Function:V3Function"
TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"

PUT = "ObjectCreated:PutObject"
COPY = "ObjectCreated:CopyObject"
COMPLETE = "ObjectCreated:CompleteMultipartUpload"
INITIATE = "ObjectCreated:InitiateMultipartUpload"
UPLOAD_PART = "ObjectCreated:UploadPart"
DELETE = "ObjectRemoved:DeleteObject"
DELETE_MANY = "ObjectRemoved:DeleteObjects"
ABORT = "ObjectRemoved:AbortMultipartUpload"

_PREFIX = "oss:"
_USER_META = "x-oss-meta-"


@dataclass(frozen=True)
class Change:
    """What happened to one object."""

    name: str
    """Such as `ObjectCreated:PutObject`."""
    bucket: str
    key: str
    after: StoredObject | None = None
    """The object as it is now; None when it has gone."""
    before: StoredObject | None = None
    request_id: str = ""
    source_ip: str = "127.0.0.1"


@dataclass(frozen=True)
class OssTrigger:
    """A native OSS trigger of a function."""

    function: str
    bucket: str
    events: tuple[str, ...]
    """With `oss:` in front, `*` at the end stands for any operation."""
    prefix: str
    suffix: str
    role: str
    rule_id: str

    def wants(self, change: Change) -> bool:
        return (
            change.bucket == self.bucket
            and change.key.startswith(self.prefix)
            and change.key.endswith(self.suffix)
            and any(same_event(event, _PREFIX + change.name) for event in self.events)
        )


def same_event(one: str, other: str) -> bool:
    """Whether two event types have an event in common; `oss:ObjectCreated:*` is all of its kind."""
    if one.endswith("*") or other.endswith("*"):
        return one.rpartition(":")[0] == other.rpartition(":")[0]
    return one == other


def oss_trigger(resource: Resource) -> OssTrigger | None:
    """The OSS trigger behind a stored one; None for a trigger of another type."""
    properties = resource.properties
    if properties.get("triggerType") != "oss":
        return None
    config: dict[str, Any] = json.loads(properties.get("triggerConfig") or "{}")
    key = (config.get("filter") or {}).get("key") or {}
    return OssTrigger(
        function=str(properties["functionName"]),
        bucket=str(properties.get("sourceArn") or "").rpartition(":")[2],
        events=tuple(config.get("events") or ()),
        prefix=str(key.get("prefix") or ""),
        suffix=str(key.get("suffix") or ""),
        role=str(properties.get("invocationRole") or ""),
        rule_id=str(properties.get("triggerId") or resource.id),
    )


def fire(store: Store, change: Change) -> None:
    """Queue an invocation for every trigger that waits for this change."""
    for trigger in _waiting(store, change):
        function = store.get(FUNCTION, trigger.function)
        bucket = store.get(BUCKET, change.bucket)
        if function is None or bucket is None:
            continue
        arn = str(function.properties.get("functionArn") or "")
        cause = f"{change.name} oss://{change.bucket}/{change.key}"
        if not _may_invoke(store, trigger.role, arn):
            told = f"{cause}: not delivered, the role {trigger.role} may not call fc:InvokeFunction on {arn}"
            store.append_log(f"fc/{trigger.function}", "oss-trigger", told)
            continue
        payload = json.dumps({"events": [event(change, trigger, bucket)]}).encode()
        moment = time.time()
        store.enqueue(QueuedInvocation(new_request_id(), trigger.function, payload, moment, 0, moment, cause))


def event(change: Change, trigger: OssTrigger, bucket: Resource) -> dict[str, Any]:
    """One element of `events`."""
    region = str(bucket.properties.get("location") or "oss-cn-hongkong").removeprefix("oss-")
    owner = str(bucket.properties.get("owner") or "")
    size = change.after.size if change.after else 0
    shown = change.after or change.before
    headers = shown.headers if shown else {}
    return {
        "eventName": change.name,
        "eventSource": "acs:oss",
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventVersion": "1.0",
        "oss": {
            "bucket": {
                "arn": f"acs:oss:{region}:{owner}:{change.bucket}",
                "name": change.bucket,
                "ownerIdentity": owner,
                "virtualBucket": "",
            },
            "object": {
                "deltaSize": size - (change.before.size if change.before else 0),
                "eTag": shown.etag.upper() if shown else "",
                "key": change.key,
                "objectMeta": {
                    "mimeType": headers.get("content-type", "application/octet-stream"),
                    "userMeta": {name: value for name, value in headers.items() if name.startswith(_USER_META)},
                },
                "size": size,
            },
            "ossSchemaVersion": "1.0",
            "ruleId": trigger.rule_id,
        },
        "region": region,
        "requestParameters": {"sourceIPAddress": change.source_ip},
        "responseElements": {"requestId": change.request_id or secrets.token_hex(12).upper()},
        "userIdentity": {"principalId": owner},
    }


def _waiting(store: Store, change: Change) -> Iterator[OssTrigger]:
    for resource in store.find(TRIGGER, triggerType="oss"):
        trigger = oss_trigger(resource)
        if trigger is not None and trigger.wants(change):
            yield trigger


def _may_invoke(store: Store, role_arn: str, function_arn: str) -> bool:
    role = ram.find_role(store, role_arn)
    if role is None or not ram.trusts(role, "oss.aliyuncs.com"):
        return False
    # The version or alias is part of the resource that is invoked.
    calls = (ram.Call("fc:InvokeFunction", arn, {}) for arn in (function_arn, f"{function_arn}/LATEST"))
    return any(ram.judge(store, role_arn, call).allowed for call in calls)


def new_request_id() -> str:
    """An id of the form of Function Compute's."""
    return f"1-{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(6)}"

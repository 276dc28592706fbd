"""What Function Compute and OSS refuse of a native OSS trigger.

Source: Function Compute documentation, "Configure a native OSS trigger" and "Overview of OSS triggers" (events,
prefix and suffix, conflicts, ten triggers a bucket). The sentences are ours: no document has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud import ram
from localcloud.control.alibaba.base import BUCKET
from localcloud.control.kind import Cloud, CloudError, Given, parsed_json
from localcloud.events import OssTrigger, oss_trigger, same_event
from localcloud.store import Resource

_TRIGGER = "alicloud:fc/v3Trigger:V3Trigger"
_MAX_PER_BUCKET = 10
_WILDCARDS = frozenset("*?[]")
_EVENTS = frozenset(
    f"oss:{group}:{name}"
    for group, names in {
        "ObjectCreated": (
            "PutObject PutSymlink PostObject CopyObject InitiateMultipartUpload UploadPart UploadPartCopy "
            "CompleteMultipartUpload AppendObject *"
        ),
        "ObjectRemoved": "DeleteObject DeleteObjects AbortMultipartUpload",
        "ObjectModified": "UpdateObjectMeta",
        "ObjectReplication": "ObjectCreated ObjectModified ObjectRemoved",
    }.items()
    for name in names.split()
)


def check(cloud: Cloud, inputs: Given, old: Resource | None) -> None:
    """Raise CloudError for what is refused; `old` is the trigger that is updated."""
    config = parsed_json(inputs.get("triggerConfig", "{}"))
    _check_config(config if isinstance(config, dict) else {})
    _check_source(cloud, str(inputs.get("sourceArn") or ""))
    _check_role(cloud, str(inputs.get("invocationRole") or ""))
    new = oss_trigger(Resource(_TRIGGER, "new", "", dict(inputs)))
    assert new is not None
    others = [
        found
        for resource in cloud.store.find(_TRIGGER, triggerType="oss", sourceArn=inputs["sourceArn"])
        if not _is_same(resource, inputs, old) and (found := oss_trigger(resource)) is not None
    ]
    if len(others) >= _MAX_PER_BUCKET:
        raise _refused(f"the bucket '{new.bucket}' has {len(others)} OSS triggers, the most that are allowed")
    for other in others:
        if _conflicts(new, other):
            sentence = (
                f"the OSS trigger conflicts with one of the function '{other.function}' on the bucket '{new.bucket}': "
                f"same event, and the prefixes '{new.prefix}' and '{other.prefix}' and the suffixes '{new.suffix}' and "
                f"'{other.suffix}' overlap"
            )
            raise _refused(sentence)


def _check_config(config: Mapping[str, Any]) -> None:
    events = config.get("events")
    if not isinstance(events, list) or not events:
        raise _refused("triggerConfig.events must be a list of at least one OSS event")
    for event in events:
        if event not in _EVENTS:
            raise _refused(f"triggerConfig.events has '{event}', expected one of {sorted(_EVENTS)}")
    filters = config.get("filter") or {}
    key = filters.get("key") if isinstance(filters, dict) else None
    for name in ("prefix", "suffix"):
        value = (key or {}).get(name, "") if isinstance(key or {}, dict) else None
        if not isinstance(value, str) or _WILDCARDS & set(value):
            raise _refused(f"triggerConfig.filter.key.{name} must be a text without wildcards, got {value!r}")
        if name == "prefix" and value.startswith("/"):
            raise _refused(f"triggerConfig.filter.key.prefix must not begin with '/', got '{value}'")


def _check_source(cloud: Cloud, arn: str) -> None:
    parts = arn.split(":")
    if len(parts) != 5 or parts[:2] != ["acs", "oss"]:
        raise _refused(f"sourceArn must be like acs:oss:<region>:<account id>:<bucket>, got '{arn}'")
    if parts[2] != cloud.region:
        raise _refused(f"sourceArn '{arn}': the bucket must be in the function's region {cloud.region}")
    if parts[3] != cloud.account:
        raise _refused(f"sourceArn '{arn}': the bucket must belong to the account {cloud.account}")
    bucket = cloud.store.get(BUCKET, parts[4])
    if bucket is None:
        raise CloudError("NoSuchBucket", f"the bucket '{parts[4]}' of the trigger does not exist", 404)
    if bucket.properties["location"] != f"oss-{cloud.region}":
        raise _refused(f"the bucket '{parts[4]}' is in {bucket.properties['location']}, not in {cloud.region}")


def _check_role(cloud: Cloud, arn: str) -> None:
    if not arn:
        raise _refused("an OSS trigger needs an invocationRole")
    role = ram.find_role(cloud.store, arn)
    if role is None or not ram.trusts(role, "oss.aliyuncs.com"):
        raise _refused(f"the invocationRole '{arn}' cannot be assumed by oss.aliyuncs.com")


def _is_same(resource: Resource, inputs: Given, old: Resource | None) -> bool:
    names = ("functionName", "triggerName")
    return old is not None and all(resource.properties.get(name) == inputs.get(name) for name in names)


def _conflicts(one: OssTrigger, other: OssTrigger) -> bool:
    same = any(same_event(mine, theirs) for mine in one.events for theirs in other.events)
    prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    suffixes = one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
    return same and prefixes and suffixes


def _refused(sentence: str) -> CloudError:
    return CloudError("InvalidArgument", sentence)

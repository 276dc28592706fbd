"""Roles, buckets and OSS triggers, as the control plane stores them."""

from __future__ import annotations

import json

from localcloud.store import Resource, Store


def put_role(store: Store, name: str, *statements: dict, service: str = "fc.aliyuncs.com") -> str:
    """A RAM role with one policy of these statements; returns its ARN."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}
    document = json.dumps({"Version": "1", "Statement": [trust]})
    arn = f"acs:ram::1234567890123456:role/{name}"
    properties = {"roleName": name, "arn": arn.lower(), "assumeRolePolicyDocument": document}
    store.put(Resource("alicloud:ram/role:Role", name, f"urn:{name}", properties))
    document = json.dumps({"Version": "1", "Statement": list(statements)})
    policy = {"policyName": name, "policyDocument": document}
    store.put(Resource("alicloud:ram/policy:Policy", name, f"urn:p{name}", policy))
    attachment = {"roleName": name, "policyName": name, "policyType": "Custom"}
    store.put(Resource("alicloud:ram/rolePolicyAttachment:RolePolicyAttachment", name, f"urn:a{name}", attachment))
    return arn


def allow(action: str | list[str], resource: str | list[str], effect: str = "Allow", **condition) -> dict:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def put_bucket(store: Store, name: str, **changes) -> None:
    bucket = {"bucket": name, "acl": "private", "location": "oss-cn-hongkong", "owner": "1234567890123456", **changes}
    store.put(Resource("alicloud:oss/bucket:Bucket", name, f"urn:{name}", bucket))


def put_oss_trigger(store: Store, name: str, function: str, source: str, role: str, **config) -> None:
    """A trigger on the bucket and prefix of `source`, written as `bucket/prefix`."""
    bucket, _, prefix = source.partition("/")
    events = ["oss:ObjectCreated:PutObject", "oss:ObjectCreated:CompleteMultipartUpload"]
    settings = {"events": events, "filter": {"key": {"prefix": prefix, "suffix": ""}}, **config}
    properties = {
        "functionName": function,
        "triggerName": name,
        "triggerType": "oss",
        "triggerId": f"id-{name}",
        "triggerConfig": json.dumps(settings),
        "sourceArn": f"acs:oss:cn-hongkong:1234567890123456:{bucket}",
        "invocationRole": role,
    }
    store.put(Resource("alicloud:fc/v3Trigger:V3Trigger", f"{function}:{name}", f"urn:{name}", properties))

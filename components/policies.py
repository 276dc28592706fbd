"""IAM and RAM policy documents, each with the least that its bearer needs.

Every function returns JSON with sorted keys, so that the same permissions are the same text in each run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

_IAM_VERSION = "2012-10-17"
_RAM_VERSION = "1"


class Statement(TypedDict):
    """One statement of an IAM or RAM policy."""

    Effect: str
    Action: str | list[str]
    Resource: NotRequired[str | list[str]]
    Principal: NotRequired[dict[str, list[str]]]
    Condition: NotRequired[dict[str, dict[str, Any]]]


# AWS


def lambda_trust() -> str:
    """Lets Lambda assume a function's role."""
    return _document(_IAM_VERSION, [_trust("lambda.amazonaws.com")])


def edge_trust() -> str:
    """Lets Lambda and Lambda@Edge assume an edge function's role.

    Source: CloudFront Developer Guide, Set up IAM permissions and roles for Lambda@Edge.
    """
    return _document(_IAM_VERSION, [_trust("lambda.amazonaws.com", "edgelambda.amazonaws.com")])


def lambda_logs(log_group_arn: str) -> str:
    """Lets a function write into its own log group, which exists before the function does."""
    statement: Statement = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{log_group_arn}:*",
    }
    return _document(_IAM_VERSION, [statement])


def edge_logs(function_arn: str) -> str:
    """Lets an edge function's replicas create and write their log groups.

    The Region is a wildcard because a replica logs in the Region near its viewer, into a group that is created there
    at its first event. Source: CloudFront Developer Guide, Edge function logs.
    """
    partition, account, name = _function_parts(function_arn)
    groups = (f"/aws/lambda/us-east-1.{name}", f"/aws/lambda/{name}")
    statement: Statement = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [f"arn:{partition}:logs:*:{account}:log-group:{group}:*" for group in groups],
    }
    return _document(_IAM_VERSION, [statement])


# Alibaba Cloud


def fc_trust() -> str:
    """Lets Function Compute assume a function's role."""
    return _document(_RAM_VERSION, [_trust("fc.aliyuncs.com")])


def fc_function(
    project: str,
    logstore: str,
    read_prefixes: Sequence[str],
    write_prefixes: Sequence[str],
    refresh_domains: Sequence[str] = (),
) -> str:
    """Lets a function write its log, read below some prefixes of buckets, write below others, and refresh CDN domains.

    Prefixes are `bucket/` or `bucket/prefix/`. Writing includes reading, replacing and deleting, and multipart uploads.
    Source: Object Storage Service, Common examples of RAM policies; Alibaba Cloud CDN, Authentication rules of the API.
    """
    log: Statement = {
        "Effect": "Allow",
        "Action": ["log:PostLogStoreLogs"],
        "Resource": [f"acs:log:*:*:project/{project}/logstore/{logstore}"],
    }
    statements = [log]
    statements += [_listing(prefix) for prefix in sorted({*read_prefixes, *write_prefixes})]
    if read_prefixes:
        statements.append(_objects(["oss:GetObject"], read_prefixes))
    if write_prefixes:
        actions = ["oss:AbortMultipartUpload", "oss:DeleteObject", "oss:GetObject", "oss:ListParts", "oss:PutObject"]
        statements.append(_objects(actions, write_prefixes))
    if refresh_domains:
        domains = [f"acs:cdn:*:*:domain/{domain}" for domain in sorted(set(refresh_domains))]
        statements.append({"Effect": "Allow", "Action": ["cdn:RefreshObjectCaches"], "Resource": domains})
    return _document(_RAM_VERSION, statements)


def oss_trust() -> str:
    """Lets OSS assume the role with which it reports events to a function."""
    return _document(_RAM_VERSION, [_trust("oss.aliyuncs.com")])


def fc_invoke(function_arn: str) -> str:
    """Lets one function, any version of it, be invoked. Source: Function Compute, OSS triggers."""
    statement: Statement = {
        "Effect": "Allow",
        "Action": ["fc:InvokeFunction"],
        "Resource": [function_arn, f"{function_arn}/*"],
    }
    return _document(_RAM_VERSION, [statement])


def cdn_trust() -> str:
    """Lets Alibaba Cloud CDN assume the role for private buckets."""
    return _document(_RAM_VERSION, [_trust("cdn.aliyuncs.com")])


def cdn_private_origin(bucket: str) -> str:
    """Lets Alibaba Cloud CDN read one private bucket.

    Its documented grant reads every bucket of the account; this one is narrower, so another CDN domain with a
    private bucket needs a statement of its own. Source: Alibaba Cloud CDN, Grant Alibaba Cloud CDN access permissions
    on private OSS buckets.
    """
    statement: Statement = {
        "Effect": "Allow",
        "Action": ["oss:Get*", "oss:List*"],
        "Resource": [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"],
    }
    return _document(_RAM_VERSION, [statement])


def _document(version: str, statements: list[Statement]) -> str:
    return json.dumps({"Version": version, "Statement": statements}, sort_keys=True)


def _trust(*services: str) -> Statement:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(services)}}


def _function_parts(arn: str) -> tuple[str, str, str]:
    _, partition, _, _, account, _, name = arn.split(":")
    return partition, account, name


def _listing(prefix: str) -> Statement:
    bucket, _, folder = prefix.partition("/")
    statement: Statement = {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": [f"acs:oss:*:*:{bucket}"]}
    if folder:
        statement["Condition"] = {"StringLike": {"oss:Prefix": [f"{folder}*"]}}
    return statement


def _objects(actions: list[str], prefixes: Sequence[str]) -> Statement:
    resources = [f"acs:oss:*:*:{prefix}*" for prefix in sorted(set(prefixes))]
    return {"Effect": "Allow", "Action": actions, "Resource": resources}

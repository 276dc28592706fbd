"""The control plane of the local AWS cloud."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from localcloud.control.aws import cloudfront, functions, iam, lambda_access, lambda_function, logs, s3
from localcloud.control.aws.base import AwsKind
from localcloud.control.kind import Cloud, CloudError, Kind
from localcloud.control.protocol import Package
from localcloud.control.schema import declarations
from localcloud.store import Store

ACCOUNT = "123456789012"
"""The AWS account of the local cloud."""

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_KINDS: dict[str, type[AwsKind]] = {
    kind: class_
    for module in (cloudfront, iam, lambda_access, lambda_function, logs, s3)
    for kind, class_ in module.KINDS.items()
}


def configure(store: Store, config: Mapping[str, Any]) -> Cloud:
    """The cloud as the provider's configuration places it; raises CloudError."""
    region = config.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if not _REGION.fullmatch(str(region)):
        remedy = "set it with `pulumi config set aws:region ap-northeast-1`"
        raise CloudError("InvalidRegion", f"invalid AWS Region: {region!r}; {remedy}")
    default_tags = config.get("defaultTags") or {}
    if isinstance(default_tags, str):
        default_tags = json.loads(default_tags)
    return Cloud(store, ACCOUNT, str(region), default_tags.get("tags", {}))


@functools.cache
def kind(token: str) -> Kind:
    """The kind of a type token; raises LookupError for a type that is not declared here."""
    if token not in declarations("aws"):
        raise LookupError(f"the local AWS cloud does not know the resource type {token}: deploy it to a real account")
    return _KINDS.get(token, AwsKind)(token)


PACKAGE = Package("aws", metadata.version("pulumi-aws"), configure, kind, functions.invoke)

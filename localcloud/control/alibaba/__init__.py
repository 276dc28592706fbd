"""The control plane of the local Alibaba cloud."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from localcloud.control.alibaba import cdn, fc, functions, logs, oss, ram
from localcloud.control.alibaba.base import AlibabaKind
from localcloud.control.kind import Cloud, CloudError, Kind
from localcloud.control.protocol import Package
from localcloud.control.schema import declarations
from localcloud.store import Store

ACCOUNT = "1234567890123456"
"""The Alibaba Cloud account (UID) of the local cloud."""

_KINDS: dict[str, type[AlibabaKind]] = {
    kind: class_ for module in (cdn, fc, logs, oss, ram) for kind, class_ in module.KINDS.items()
}


def configure(store: Store, config: Mapping[str, Any]) -> Cloud:
    """The cloud as the provider's configuration places it; raises CloudError."""
    region = config.get("region") or os.environ.get("ALIBABA_CLOUD_REGION") or os.environ.get("ALICLOUD_REGION") or ""
    if region not in functions.REGIONS:
        remedy = "set it with `pulumi config set alicloud:region cn-hongkong`"
        raise CloudError("InvalidRegion", f"invalid Alibaba Cloud region: {region!r}; {remedy}")
    return Cloud(store, ACCOUNT, str(region))


@functools.cache
def kind(token: str) -> Kind:
    """The kind of a type token; raises LookupError for a type that is not declared here."""
    if token not in declarations("alicloud"):
        raise LookupError(
            f"the local Alibaba cloud does not know the resource type {token}: deploy it to a real account"
        )
    return _KINDS.get(token, AlibabaKind)(token)


PACKAGE = Package("alicloud", metadata.version("pulumi-alicloud"), configure, kind, functions.invoke)

"""The functions (`invoke`) of the AWS provider that the local cloud answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.control.kind import Cloud

_PLACES = {
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "Europe (Ireland)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
}


def invoke(cloud: Cloud, token: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a function by its token; raises LookupError for one that is not there."""
    match token:
        case "aws:index/getCallerIdentity:getCallerIdentity":
            arn = f"arn:aws:iam::{cloud.account}:root"
            return {"accountId": cloud.account, "arn": arn, "id": cloud.account, "userId": cloud.account}
        case "aws:index/getRegion:getRegion":
            region = args.get("region") or args.get("name") or cloud.region
            endpoint = f"ec2.{region}.amazonaws.com"
            place = _PLACES.get(region, region)
            return {"region": region, "name": region, "id": region, "description": place, "endpoint": endpoint}
        case "aws:index/getPartition:getPartition":
            return {"partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}
    raise LookupError(f"the local AWS cloud does not answer {token}: give the value itself instead of looking it up")

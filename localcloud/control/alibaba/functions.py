"""The functions (`invoke`) of the Alibaba provider that the local cloud answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.control.kind import Cloud

REGIONS = {
    "cn-hangzhou": "China (Hangzhou)",
    "cn-shanghai": "China (Shanghai)",
    "cn-qingdao": "China (Qingdao)",
    "cn-beijing": "China (Beijing)",
    "cn-zhangjiakou": "China (Zhangjiakou)",
    "cn-huhehaote": "China (Hohhot)",
    "cn-wulanchabu": "China (Ulanqab)",
    "cn-shenzhen": "China (Shenzhen)",
    "cn-chengdu": "China (Chengdu)",
    "cn-hongkong": "China (Hong Kong)",
    "ap-southeast-1": "Singapore",
    "ap-southeast-3": "Malaysia (Kuala Lumpur)",
    "ap-southeast-5": "Indonesia (Jakarta)",
    "ap-southeast-7": "Thailand (Bangkok)",
    "ap-northeast-1": "Japan (Tokyo)",
    "ap-northeast-2": "South Korea (Seoul)",
    "eu-central-1": "Germany (Frankfurt)",
    "eu-west-1": "UK (London)",
    "us-east-1": "US (Virginia)",
    "us-west-1": "US (Silicon Valley)",
    "me-central-1": "SAU (Riyadh)",
}
"""The regions with Function Compute 3.0 (FC documentation, "Regions")."""


def invoke(cloud: Cloud, token: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a function by its token; raises LookupError for one that is not there."""
    match token:
        case "alicloud:index/getAccount:getAccount":
            return {"id": cloud.account}
        case "alicloud:index/getRegions:getRegions":
            wanted = cloud.region if args.get("current") else args.get("name")
            ids = [id_ for id_ in REGIONS if wanted in (None, id_)]
            regions = [{"id": id_, "regionId": id_, "localName": REGIONS[id_]} for id_ in ids]
            return {**args, "id": "regions", "ids": ids, "regions": regions}
    raise LookupError(
        f"the local Alibaba cloud does not answer {token}: give the value itself instead of looking it up"
    )

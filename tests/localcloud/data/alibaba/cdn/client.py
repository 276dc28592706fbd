"""Signed calls of the CDN's API."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from multidict import CIMultiDict

from localcloud.data.alibaba import acs3
from localcloud.data.messages import Request

HOST = "cdn.aliyuncs.com"


async def call(
    plane, key, action: str = "RefreshObjectCaches", *, form: bool = True, local: bool = False, **parameters
):
    """Status and JSON of one call; `form` puts the parameters into the body, `local` signs the local name."""
    sent = f"{HOST}.localhost:{plane.port}"
    encoded = urlencode(parameters)
    headers = CIMultiDict({"Host": sent if local else HOST, "x-acs-action": action, "x-acs-version": "2018-05-10"})
    query, body = ("", encoded.encode()) if form else (encoded, b"")
    request = Request("POST", HOST, "/", query, headers, body)
    acs3.sign(request, key)
    del request.headers["Date"], request.headers["Host"]
    headers = {**request.headers, "Content-Type": "application/x-www-form-urlencoded"}
    async with plane.request("POST", HOST, request.target, data=body, headers=headers) as response:
        return response.status, json.loads(await response.read())

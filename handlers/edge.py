"""Lambda@Edge, on any of the four CloudFront events; runs on a managed Python, so the standard library is all it has.

On requests it signs for the body: a Lambda function URL behind an origin access control takes no unsigned payload, so
`x-amz-content-sha256` must hold the body's digest (CloudFront Developer Guide, "Restrict access to an AWS Lambda
function URL origin"). CloudFront shows the body only where the association includes it, and cuts it off above
1 MB (40 KB on viewer requests); of a body cut off no digest can be made, so such a request is answered with 413.
"""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import Any

_MARK = "X-Isthmus-Edge"


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """A CloudFront event (CloudFront Developer Guide, "Lambda@Edge event structure") → its request or response, marked.

    Raises ValueError when `event` is no CloudFront event.
    """
    try:
        cloudfront = event["Records"][0]["cf"]
        event_type = cloudfront["config"]["eventType"]
        request = cloudfront["request"]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(
            "not a CloudFront event: Records[0].cf with config.eventType and request is missing"
        ) from error
    if event_type.endswith("-response"):
        return _marked(cloudfront["response"], event_type)
    return _on_request(request, event_type)


def _on_request(request: dict[str, Any], event_type: str) -> dict[str, Any]:
    body = request.get("body")
    if body is not None:
        if body.get("inputTruncated"):
            return _too_large(event_type)
        _set(request, "x-amz-content-sha256", sha256(_body_bytes(body)).hexdigest())
    return _marked(request, event_type)


def _body_bytes(body: dict[str, Any]) -> bytes:
    data = body.get("data", "")
    return data.encode() if body.get("encoding") == "text" else b64decode(data)


def _too_large(event_type: str) -> dict[str, Any]:
    reply = {
        "status": "413",
        "statusDescription": "Content Too Large",
        "headers": {},
        "body": "The request body is too large for this site.\n",
    }
    _set(reply, "Content-Type", "text/plain; charset=utf-8")
    # What an origin-request trigger answers, CloudFront would cache.
    _set(reply, "Cache-Control", "no-store")
    return _marked(reply, event_type)


def _marked(message: dict[str, Any], event_type: str) -> dict[str, Any]:
    _set(message, _MARK, event_type)
    return message


def _set(message: dict[str, Any], name: str, value: str) -> None:
    message["headers"][name.lower()] = [{"key": name, "value": value}]

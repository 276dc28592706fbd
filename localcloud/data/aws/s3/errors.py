"""The errors of S3 in its words.

Source: Amazon S3 API Reference, "Error responses".
"""

from __future__ import annotations

import secrets
from typing import Any

from multidict import CIMultiDict

from localcloud.data import xml
from localcloud.data.aws.sigv4 import SignatureError
from localcloud.data.messages import Request, Response


class S3Error(Exception):
    """S3 refuses; `fields` are further elements of its error document."""

    def __init__(self, status: int, code: str, message: str, **fields: Any) -> None:
        self.status = status
        self.code = code
        self.fields = fields
        super().__init__(message)


_SIGNATURES = {
    "missing": (400, "InvalidRequest", "Missing Authentication Token"),
    "key": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    "token": (400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
    "expired": (400, "ExpiredToken", "The provided token has expired."),
    "time": (
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the server's time is too large.",
    ),
    "payload": (
        400,
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
}


def of_signature(error: SignatureError) -> S3Error:
    found = _SIGNATURES.get(error.cause)
    return S3Error(*found) if found else S3Error(403, "SignatureDoesNotMatch", str(error))


def answer(request: Request, error: S3Error) -> Response:
    """The error document; HEAD gets the status alone."""
    request_id = secrets.token_hex(8).upper()
    headers = CIMultiDict({"Server": "AmazonS3", "x-amz-request-id": request_id})
    if error.status == 304:
        return Response(304, headers)
    fields: list[xml.Field] = [("Code", error.code), ("Message", str(error)), *error.fields.items()]
    body = xml.document("Error", [*fields, ("RequestId", request_id), ("HostId", secrets.token_urlsafe(56))])
    headers["Content-Type"] = "application/xml"
    headers["Content-Length"] = str(len(body))
    return Response(error.status, headers, b"" if request.method == "HEAD" else body)


def no_such_key(key: str) -> S3Error:
    return S3Error(404, "NoSuchKey", "The specified key does not exist.", Key=key)


def malformed_xml() -> S3Error:
    told = "The XML you provided was not well-formed or did not validate against our published schema"
    return S3Error(400, "MalformedXML", told)


def not_implemented(what: str) -> S3Error:
    """Ours: the real S3 serves it."""
    return S3Error(501, "NotImplemented", f"The local S3 does not serve {what}.")

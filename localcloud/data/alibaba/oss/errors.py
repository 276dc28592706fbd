"""The errors of OSS in its words.

Source: OSS developer reference, "Error responses"; OSS user guide, "EC error codes". An error without an EC here has
none that a public document states.
"""

from __future__ import annotations

import base64
import secrets
from typing import Any

from multidict import CIMultiDict

from localcloud.data import xml
from localcloud.data.messages import Request, Response


class OssError(Exception):
    """OSS refuses; `fields` are further elements of its error document."""

    def __init__(self, status: int, code: str, message: str, ec: str = "", **fields: Any) -> None:
        self.status = status
        self.code = code
        self.ec = ec
        self.fields = fields
        super().__init__(message)


def request_id() -> str:
    return secrets.token_hex(12).upper()


def answer(request: Request, error: OssError, id_: str) -> Response:
    """The error document; for HEAD it stands in a header."""
    headers = CIMultiDict({"Server": "AliyunOSS", "x-oss-request-id": id_})
    if error.ec:
        headers["x-oss-ec"] = error.ec
    if error.status == 304:
        return Response(304, headers)
    fields: list[xml.Field] = [("Code", error.code), ("Message", str(error)), ("RequestId", id_)]
    fields += [("HostId", request.headers.get("Host", request.host)), *error.fields.items()]
    if error.ec:
        fields += [("EC", error.ec), ("RecommendDoc", f"https://api.alibabacloud.com/troubleshoot?q={error.ec}")]
    body = xml.document("Error", fields)
    headers["Content-Type"] = "application/xml"
    headers["Content-Length"] = str(len(body))
    if request.method == "HEAD":
        headers["x-oss-err"] = base64.b64encode(body).decode()
        return Response(error.status, headers)
    return Response(error.status, headers, body)


def no_such_bucket(request: Request) -> Response:
    name = request.headers.get("Host", request.host).partition(".")[0]
    error = OssError(404, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101", BucketName=name)
    return answer(request, error, request_id())


def no_such_key(key: str) -> OssError:
    return OssError(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001", Key=key)


def no_such_upload(id_: str) -> OssError:
    told = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )
    return OssError(404, "NoSuchUpload", told, "0042-00000203", UploadId=id_)


def invalid_argument(message: str, name: str, value: str, ec: str = "") -> OssError:
    return OssError(400, "InvalidArgument", message, ec, ArgumentName=name, ArgumentValue=value)


def malformed_xml(ec: str = "") -> OssError:
    told = "The XML you provided was not well-formed or did not validate against our published schema."
    return OssError(400, "MalformedXML", told, ec)


def not_implemented(what: str) -> OssError:
    """Ours: the real OSS serves it."""
    return OssError(501, "NotImplemented", f"The local OSS does not serve {what}.")

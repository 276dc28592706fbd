"""The API of CloudFront, version 2020-05-31: invalidations, done at once.

Source: Amazon CloudFront API Reference, "CreateInvalidation" and "GetInvalidation"; Developer Guide, "What you need
to know when invalidating files".
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass

from multidict import CIMultiDict

from localcloud import iam
from localcloud.data import xml
from localcloud.data.aws.sigv4 import SignatureError, verify
from localcloud.data.keyring import AWS_ROOT, Keyring, Principal
from localcloud.data.messages import Request, Response
from localcloud.policies import Call
from localcloud.store import Resource, Store

from .service import DISTRIBUTION, CloudFront

HOST = "cloudfront.amazonaws.com"

_PATH = re.compile(r"/2020-05-31/distribution/([A-Za-z0-9]+)/invalidation(?:/([A-Za-z0-9]+))?")
_NAMESPACE = ' xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"'
_MAX_PATHS = 3000
_CODES = {
    "missing": (403, "MissingAuthenticationToken"),
    "key": (403, "InvalidClientTokenId"),
    "token": (403, "InvalidClientTokenId"),
    "expired": (403, "ExpiredToken"),
}


class CloudFrontError(Exception):
    """The API refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


@dataclass(frozen=True)
class Invalidation:
    id: str
    reference: str
    paths: tuple[str, ...]
    created: str

    def fields(self) -> list[xml.Field]:
        items: list[xml.Field] = [("Path", path) for path in self.paths]
        paths = [("Quantity", len(self.paths)), ("Items", items)]
        batch = [("Paths", paths), ("CallerReference", self.reference)]
        return [
            ("Id", self.id),
            ("Status", "Completed"),
            ("CreateTime", self.created),
            ("InvalidationBatch", batch),
        ]


class CloudFrontApi:
    """The operations on one CloudFront."""

    def __init__(self, store: Store, keyring: Keyring, cloudfront: CloudFront) -> None:
        self._store = store
        self._keyring = keyring
        self._cloudfront = cloudfront
        self._made: dict[str, dict[str, Invalidation]] = {}

    async def handle(self, request: Request, _resource: None = None) -> Response:
        """Answer a call to `cloudfront.amazonaws.com`."""
        id_ = secrets.token_hex(16)
        try:
            status, invalidation = self._answer(request)
        except CloudFrontError as error:
            told = [("Type", "Sender"), ("Code", error.code), ("Message", str(error))]
            body = xml.document("ErrorResponse", [("Error", told), ("RequestId", id_)], _NAMESPACE)
            return Response(error.status, _headers(id_), body)
        headers = _headers(id_)
        if status == 201:
            headers["Location"] = f"https://{HOST}{request.path}/{invalidation.id}"
        return Response(status, headers, xml.document("Invalidation", invalidation.fields(), _NAMESPACE))

    def _answer(self, request: Request) -> tuple[int, Invalidation]:
        try:
            caller = verify(request, self._keyring, "cloudfront", "us-east-1")
        except SignatureError as error:
            raise CloudFrontError(*_CODES.get(error.cause, (403, "SignatureDoesNotMatch")), str(error)) from error
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != ("GET" if match[2] else "POST"):
            raise CloudFrontError(404, "NoSuchResource", "The local CloudFront serves invalidations only.")
        distribution = self._store.get(DISTRIBUTION, match[1])
        if distribution is None:
            raise CloudFrontError(404, "NoSuchDistribution", "The specified distribution does not exist.")
        self._require(caller, "GetInvalidation" if match[2] else "CreateInvalidation", distribution)
        if match[2]:
            made = self._made.get(match[1], {}).get(match[2])
            if made is None:
                raise CloudFrontError(404, "NoSuchInvalidation", "The specified invalidation does not exist.")
            return 200, made
        return 201, self._create(match[1], request.body)

    def _create(self, distribution: str, body: bytes) -> Invalidation:
        reference, paths = _batch(body)
        made = self._made.setdefault(distribution, {})
        for known in made.values():
            if known.reference == reference:
                if known.paths == paths:
                    return known
                told = "The caller reference is in use for another batch: use a new one."
                raise CloudFrontError(400, "InvalidationBatchAlreadyExists", told)
        for path in paths:
            self._cloudfront.invalidate(distribution, path)
        now = xml.iso_time(time.time())
        invalidation = Invalidation(f"I{secrets.token_hex(12).upper()}", reference, paths, now)
        made[invalidation.id] = invalidation
        return invalidation

    def _require(self, caller: Principal, action: str, distribution: Resource) -> None:
        if caller.arn == AWS_ROOT:
            return
        arn = str(distribution.properties.get("arn") or "")
        if not iam.judge(self._store, caller.arn, Call(f"cloudfront:{action}", arn, {})).allowed:
            told = (
                f"User: {caller.arn} is not authorized to perform: cloudfront:{action} on resource: {arn} because no "
                f"identity-based policy allows the cloudfront:{action} action"
            )
            raise CloudFrontError(403, "AccessDenied", told)


def _batch(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Caller reference and paths of the request; raises CloudFrontError."""
    try:
        root = xml.parse(body, "InvalidationBatch")
    except xml.MalformedXmlError as error:
        raise CloudFrontError(400, "MalformedXML", "The XML document is malformed.") from error
    paths = tuple(element.text or "" for element in root.iter("Path"))
    reference = root.findtext("CallerReference") or ""
    if not reference or root.findtext("Paths/Quantity") != str(len(paths)):
        raise CloudFrontError(400, "InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
    if not paths or any(not path.startswith("/") or "*" in path[:-1] for path in paths):
        told = "Your request contains one or more invalid invalidation paths."
        raise CloudFrontError(400, "InvalidArgument", told)
    if len(paths) > _MAX_PATHS:
        told = f"You have exceeded the maximum of {_MAX_PATHS} paths in one batch."
        raise CloudFrontError(413, "BatchTooLarge", told)
    return reference, paths


def _headers(id_: str) -> CIMultiDict[str]:
    return CIMultiDict({"Content-Type": "text/xml", "x-amzn-RequestId": id_})

"""Objects of a bucket, in OSS and in S3: two services of one shape, with other signatures and header names.

Sources: OSS API reference, "Operations on objects", "Multipart upload"; Amazon S3 API Reference.
"""

from __future__ import annotations

import hashlib
import time
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from handlers.site_build import signers
from handlers.site_build.client import Answer, Call, Client, Endpoint, Sign, Sink
from handlers.site_build.problem import SiteBuildError
from handlers.site_build.signers import Keys, Seal, Target

PART = 8 * 1024 * 1024
"""Bytes of one part of a multipart upload; smaller files go in one request."""
_PARTS_AT_ONCE = 4
_PAGE = "1000"


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it."""

    etag: str
    size: int


@dataclass(frozen=True)
class Service:
    """What tells OSS and S3 apart."""

    name: str
    region: str
    endpoint: str
    only_new: tuple[str, str]
    """Header that refuses to overwrite."""
    sign: Callable[[Target, str, Mapping[str, str], Seal, bytes], dict[str, str]]
    """Of target, bucket, headers, seal and body."""


def oss_service(region: str, endpoint: str = "") -> Service:
    """OSS by its internal endpoint, which a function of the same region reaches without paying for traffic."""
    return Service(
        "OSS",
        region,
        endpoint or f"https://oss-{region}-internal.aliyuncs.com",
        ("x-oss-forbid-overwrite", "true"),
        lambda target, bucket, headers, seal, _body: signers.oss(target, bucket, headers, seal),
    )


def s3_service(region: str, endpoint: str = "") -> Service:
    """S3 with addresses of the form `bucket.s3.region`."""
    return Service(
        "S3",
        region,
        endpoint or f"https://s3.{region}.amazonaws.com",
        ("If-None-Match", "*"),
        lambda target, _bucket, headers, seal, body: signers.aws(
            target, "s3", headers, seal, hashlib.sha256(body).hexdigest()
        ),
    )


class Store:
    """One bucket. All methods may be called from many threads at once and raise SiteBuildError."""

    def __init__(self, service: Service, client: Client, bucket: str) -> None:
        self.name = service.name
        self._service = service
        self._client = client
        self._bucket = bucket
        self._endpoint = Endpoint.of(service.endpoint, bucket)

    def head(self, key: str) -> Mapping[str, str] | None:
        """The object's headers in lower case; None where there is no such object."""
        answer = self._send("HEAD", key)
        return None if answer.status == 404 else self._checked(answer, "HEAD", key).headers

    def get(self, key: str) -> bytes | None:
        """A small object; None where there is none."""
        answer = self._send("GET", key)
        return None if answer.status == 404 else self._checked(answer, "GET", key).body

    def get_to(self, key: str, sink: Sink, more: Callable[[], Mapping[str, str]]) -> Answer:
        """Let `sink` take an object; `more` gives further headers for each attempt, such as a range."""
        return self._checked(self._send("GET", key, more=more, sink=sink), "GET", key)

    def put(self, key: str, body: bytes, headers: Mapping[str, str], *, only_new: bool = False) -> str | None:
        """The ETag of the written object; with `only_new` None when there is one of that name already.

        The service compares the body with its MD5 before it keeps it.
        """
        checked = {**headers, "Content-MD5": b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}
        if only_new:
            checked[self._service.only_new[0]] = self._service.only_new[1]
        answer = self._send("PUT", key, body=body, headers=checked)
        if only_new and answer.status in {409, 412}:
            return None
        return _etag(self._checked(answer, "PUT", key).headers)

    def put_file(self, key: str, path: Path, headers: Mapping[str, str]) -> str:
        """Write a file of any size; the ETag."""
        size = path.stat().st_size
        if size <= PART:
            return self.put(key, path.read_bytes(), headers) or ""
        return self._multipart(key, path, size, headers)

    def delete(self, key: str) -> None:
        """No error where there is no such object."""
        answer = self._send("DELETE", key)
        if answer.status != 404:
            self._checked(answer, "DELETE", key)

    def list(self, prefix: str) -> dict[str, Listed]:
        """All objects below a prefix."""
        found: dict[str, Listed] = {}
        token = ""
        while True:
            query = [("list-type", "2"), ("max-keys", _PAGE), ("encoding-type", "url"), ("prefix", prefix)]
            query += [("continuation-token", token)] if token else []
            answer = self._send("GET", "", query=query, subject=f"list of {self._bucket}/{prefix}")
            page = self._xml(self._checked(answer, "list", prefix or self._bucket))
            for entry in page.iterfind("{*}Contents"):
                found[unquote(_text(entry, "Key"))] = Listed(_plain(_text(entry, "ETag")), int(_text(entry, "Size")))
            token = _text(page, "NextContinuationToken")
            if _text(page, "IsTruncated") != "true" or not token:
                return found

    def _multipart(self, key: str, path: Path, size: int, headers: Mapping[str, str]) -> str:
        started = self._send("POST", key, query=[("uploads", "")], headers=headers)
        upload = _text(self._xml(self._checked(started, "POST", key)), "UploadId")
        step = max(PART, -(-size // 9000))
        pieces = range(-(-size // step))

        def part(number: int) -> tuple[int, str]:
            with path.open("rb") as file:
                file.seek(number * step)
                body = file.read(step)
            query = [("partNumber", str(number + 1)), ("uploadId", upload)]
            digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            answer = self._send("PUT", key, query=query, body=body, headers={"Content-MD5": digest})
            return number + 1, _etag(self._checked(answer, "PUT", key).headers)

        try:
            with ThreadPoolExecutor(_PARTS_AT_ONCE) as pool:
                done = list(pool.map(part, pieces))
            return self._complete(key, upload, done, size)
        except BaseException:
            with suppress(SiteBuildError):  # the parts cost money, but the error that led here tells more
                self._send("DELETE", key, query=[("uploadId", upload)])
            raise

    def _complete(self, key: str, upload: str, parts: list[tuple[int, str]], size: int) -> str:
        lines = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{tag}&quot;</ETag></Part>" for n, tag in parts)
        body = f"<CompleteMultipartUpload>{lines}</CompleteMultipartUpload>".encode()
        answer = self._send("POST", key, query=[("uploadId", upload)], body=body)
        if answer.code == "NoSuchUpload" and answer.attempts > 1:
            there = self.head(key)  # an attempt that nobody answered may have succeeded
            if there is not None and there.get("content-length") == str(size):
                return _etag(there)
        # S3 may tell of a failure in the body of a 200.
        if answer.code:
            raise self._refused(answer, "POST", key)
        return _plain(_text(self._xml(self._checked(answer, "POST", key)), "ETag"))

    def _send(
        self,
        method: str,
        key: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        more: Callable[[], Mapping[str, str]] = dict,
        sink: Sink | None = None,
        subject: str = "",
    ) -> Answer:
        path = f"/{quote(key)}"
        pairs = tuple(query or ())
        target = Target(method, self._endpoint.netloc, path, pairs)

        def sign(keys: Keys) -> dict[str, str]:
            given = {**(headers or {}), **more()}
            return self._service.sign(target, self._bucket, given, Seal(keys, self._service.region, time.time()), body)

        line = signers.encoded(pairs, empty="")
        signed: Sign = sign
        whole = f"{path}?{line}" if line else path
        return self._client.send(
            Call(self.name, self._endpoint, method, whole, signed, body, subject or f"{self._bucket}/{key}"), sink
        )

    def _checked(self, answer: Answer, method: str, key: str) -> Answer:
        if answer.status // 100 != 2:
            raise self._refused(answer, method, key)
        return answer

    def _refused(self, answer: Answer, method: str, key: str) -> SiteBuildError:
        request = answer.headers.get("x-oss-request-id") or answer.headers.get("x-amz-request-id", "none")
        reason = f"{answer.status} {answer.code}".strip()
        return SiteBuildError(
            f"{self.name} answered {method} {self._bucket}/{key} with {reason} (request id {request}); "
            f"{_REMEDIES.get(answer.status, _REMEDY)}.",
            worth_retry=answer.status == 409,
        )

    def _xml(self, answer: Answer) -> ET.Element:
        try:
            return ET.fromstring(answer.body)  # noqa: S314 - the service's own answer, of a bounded size
        except ET.ParseError as error:
            raise SiteBuildError(f"{self.name} sent no readable XML ({error}); send the event again.") from error


_REMEDY = "compare the bucket's settings with the function's"
_REMEDIES = {
    403: "let the function's role do this there, and check the bucket's policy and the region",
    404: "check the names of the bucket and the object",
    409: "something else changes the same object; send the event again",
}


def _etag(headers: Mapping[str, str]) -> str:
    return _plain(headers.get("etag", ""))


def _plain(etag: str) -> str:
    return etag.strip().strip('"').lower()


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""

"""A small object store over HTTP for tests and benchmarks of clients: buckets in memory, faults and latency on demand.

It speaks what OSS and S3 have in common (objects, ranges, listings by pages, multipart uploads, writes that refuse to
overwrite), takes calls to the CDNs, and checks Content-MD5. It wants an Authorization header but verifies no
signature. A fault is a function that sees each call first, so that it can stand in front of another store as well.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_KEPT = ("content-type", "cache-control", "content-encoding")


@dataclass(frozen=True)
class Call:
    """One request as the store sees it."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """`cut`: send so many bytes of the body, then reset the connection; `wait`: seconds before the first byte."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    wait: float = 0.0


Fault = Callable[[Call], Reply | None]


@dataclass(frozen=True)
class Stored:
    body: bytes
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        return self.headers.get("etag") or f'"{hashlib.md5(self.body).hexdigest().upper()}"'


def error(status: int, code: str) -> Reply:
    """As both services word a failure."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Reply(status, body.encode(), {"Content-Type": "application/xml", "x-oss-request-id": "REQUEST"})


@dataclass
class Buckets:
    """What is stored, and what was asked."""

    latency: float = 0.0
    fault: Fault | None = None
    forward: Callable[[Call], Reply] | None = None
    """Answers instead of this store."""
    objects: dict[str, dict[str, Stored]] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    page: int = 1000
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, call: Call) -> Reply:
        with self.lock:
            self.calls.append(call)
        time.sleep(self.latency)
        faulty = self.fault(call) if self.fault else None
        if faulty is not None:
            return faulty
        if self.forward is not None:
            return self.forward(call)
        if "authorization" not in call.headers:
            return error(403, "AccessDenied")
        with self.lock:
            return self._answer(call)

    def _answer(self, call: Call) -> Reply:
        if call.bucket in {"cdn", "cloudfront"}:
            return Reply(201 if call.bucket == "cloudfront" else 200, b'{"RefreshTaskId":"1"}')
        objects = self.objects.get(call.bucket)
        if objects is None:
            return error(404, "NoSuchBucket")
        if not call.key:
            return self._list(objects, call.query)
        if {"uploads", "uploadId"} & call.query.keys():
            return self._multipart(objects, call)
        return getattr(self, f"_{call.method.lower()}")(objects, call)

    def _get(self, objects: dict[str, Stored], call: Call) -> Reply:
        found = objects.get(call.key)
        if found is None:
            return error(404, "NoSuchKey")
        if call.headers.get("if-match", found.etag) != found.etag:
            return error(412, "PreconditionFailed")
        headers = {**found.headers, "ETag": found.etag}
        ranged = re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", ""))
        if ranged is None:
            return Reply(200, found.body, headers)
        return Reply(206, found.body[int(ranged[1]) :], headers)

    _head = _get

    def _put(self, objects: dict[str, Stored], call: Call) -> Reply:
        digest = base64.b64encode(hashlib.md5(call.body).digest()).decode()
        if call.headers.get("content-md5", digest) != digest:
            return error(400, "InvalidDigest")
        if call.key in objects and call.headers.get("x-oss-forbid-overwrite") == "true":
            return error(409, "FileAlreadyExists")
        if call.key in objects and call.headers.get("if-none-match") == "*":
            return error(412, "PreconditionFailed")
        objects[call.key] = Stored(call.body, {name: call.headers[name] for name in _KEPT if name in call.headers})
        return Reply(200, headers={"ETag": objects[call.key].etag})

    def _delete(self, objects: dict[str, Stored], call: Call) -> Reply:
        objects.pop(call.key, None)
        return Reply(204)

    def _list(self, objects: dict[str, Stored], query: dict[str, str]) -> Reply:
        names = sorted(name for name in objects if name.startswith(query.get("prefix", "")))
        names = [name for name in names if name > query.get("continuation-token", "")]
        page = names[: self.page]
        more = len(names) > len(page)
        lines = "".join(
            f"<Contents><Key>{quote(name)}</Key><ETag>{escape(objects[name].etag)}</ETag>"
            f"<Size>{len(objects[name].body)}</Size></Contents>"
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult>{lines}<IsTruncated>{str(more).lower()}</IsTruncated>{token}</ListBucketResult>"
        return Reply(200, text.encode())

    def _multipart(self, objects: dict[str, Stored], call: Call) -> Reply:
        if "uploads" in call.query:
            upload = str(len(self.uploads) + 1)
            self.uploads[upload] = {}
            objects_headers = {name: call.headers[name] for name in _KEPT if name in call.headers}
            self.uploads[upload][0] = json.dumps(objects_headers).encode()
            return Reply(200, f"<R xmlns='urn:x'><UploadId>{upload}</UploadId></R>".encode())
        parts = self.uploads.get(call.query["uploadId"])
        if parts is None:
            return error(404, "NoSuchUpload")
        if call.method == "PUT":
            parts[int(call.query["partNumber"])] = call.body
            return Reply(200, headers={"ETag": f'"{hashlib.md5(call.body).hexdigest().upper()}"'})
        headers = json.loads(parts.pop(0))
        del self.uploads[call.query["uploadId"]]
        if call.method == "DELETE":
            return Reply(204)
        wanted = [int(item.text or "") for item in ET.fromstring(call.body).iterfind("Part/PartNumber")]
        if wanted != sorted(parts):
            return error(400, "InvalidPart")
        body = b"".join(parts[number] for number in wanted)
        etag = f'"{hashlib.md5(body).hexdigest().upper()}-{len(parts)}"'
        objects[call.key] = Stored(body, {**headers, "etag": etag, "x-oss-object-type": "Multipart"})
        return Reply(200, f"<R><ETag>{etag}</ETag></R>".encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    buckets: Buckets

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        bucket, key = self.headers.get("Host", "").split(".")[0], unquote(parts.path)[1:]
        if bucket == "127":  # clients put the bucket into the path where the host is a number
            bucket, _, key = key.partition("/")
        call = Call(self.command, bucket, key, query, headers, body)
        self._send(self.buckets.answer(call))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _send(self, reply: Reply) -> None:
        time.sleep(reply.wait)
        self.send_response_only(reply.status)
        self.send_header("Date", self.date_time_string())
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            if reply.status != 204:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
        self.wfile.flush()
        if reply.cut is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    block_on_close = False


def serve(buckets: Buckets) -> _Server:
    """A server on a free port of this machine, in a thread of its own."""
    handler = type("Handler", (_Handler,), {"buckets": buckets})
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


if __name__ == "__main__":  # `python tests/support/object_store.py SECONDS_OF_LATENCY`: prints its port
    held = Buckets(latency=float(sys.argv[1]), objects={"source": {}, "site": {}})
    print(serve(held).server_address[1], flush=True)
    sys.stdin.read()

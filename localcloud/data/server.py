"""The data plane's process: takes connections on one port and hands requests to the router.

Run as `python -m localcloud.data.server PORT` by the guardian; ISTHMUS_LOCAL_DIR names the state.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
from pathlib import Path

from aiohttp import web
from multidict import CIMultiDict

from localcloud.events import Change, fire
from localcloud.objects import Spool
from localcloud.store import Store

from .alibaba.cdn.api import CdnApi
from .alibaba.cdn.service import Cdn
from .alibaba.fc.service import FcService
from .alibaba.oss.service import Oss
from .aws.cloudfront.api import CloudFrontApi
from .aws.cloudfront.service import CloudFront
from .aws.lambda_.function_url import FunctionUrls
from .aws.lambda_.service import LambdaService
from .aws.s3.service import S3
from .guardian import PID_FILE
from .keyring import Keyring
from .lifecycle import HEALTH_HOST
from .messages import HOP_BY_HOP, Request, Response, json_response, without
from .packages import Packages
from .router import Router, Service, real_name
from .sandbox import MemoryWatch
from .services import Services

_MAX_BODY_BYTES = 33 << 20
"""A little above the largest body that any of the clouds takes (32 MB, FC)."""
_MAX_UPLOAD_BYTES = 5 << 30
"""The largest object that one PUT may send to OSS or S3."""
_MAX_HEADER_BYTES = 64 << 10
_SHUTDOWN_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1

log = logging.getLogger("localcloud.data")


class DataPlane:
    """All services over one store."""

    def __init__(self, store: Store, port: int) -> None:
        self._store = store
        self._root = store.root
        self.uploads = store.root / "uploads"
        keyring = Keyring(store.root)
        shared = Services(store, Packages(store.root / "code"), keyring, MemoryWatch(), port)
        self._lambdas = LambdaService(shared)
        self._fc = FcService(shared)
        self._cloudfront = CloudFront(store, self._lambdas, keyring, self._fetch)
        self._cdn = Cdn(store, self._fetch)
        services: dict[str, Service] = {
            "cloudfront": self._cloudfront.handle,
            "cloudfront-api": CloudFrontApi(store, keyring, self._cloudfront).handle,
            "function-url": FunctionUrls(self._lambdas, keyring).handle,
            "lambda": lambda request, _none: self._lambdas.handle(request),
            "fc": self._fc.handle_trigger,
            "fc-api": self._fc.handle_api,
            "oss": Oss(store, keyring, self._object_changed).handle,
            "s3": S3(store, keyring).handle,
            "cdn": self._cdn.handle,
            "cdn-api": CdnApi(store, keyring, self._cdn).handle,
        }
        self._router = Router(store, services, self._changed)

    def takes_upload(self, method: str, host: str) -> bool:
        """Whether a body belongs into a file instead of into memory."""
        self._router.refresh()
        return self._router.takes_upload(method, host)

    async def handle(self, request: Request, port: int) -> Response:
        """Answer one request; a defect of this program becomes a 500 and a log entry, never a lost connection."""
        if request.host == HEALTH_HOST:
            return json_response(200, {"pid": os.getpid(), "root": str(self._root), "names": self._router.names()})
        try:
            return await self._router.handle(request, port)
        except Exception:
            log.exception("%s %s%s failed", request.method, request.host, request.target)
            return json_response(
                500, {"message": "The local data plane failed; data-plane.log in its folder says why."}
            )

    async def watch(self) -> None:
        """Notice changes of the state without a request: sandboxes of old code go away, queued events are run."""
        while True:
            self._router.refresh()
            self._fc.wake()
            await asyncio.sleep(1)

    async def close(self) -> None:
        await asyncio.gather(self._lambdas.close(), self._fc.close())

    def _object_changed(self, change: Change) -> None:
        fire(self._store, change)
        self._fc.wake()

    async def _fetch(self, request: Request) -> Response | None:
        return await self._router.fetch(request)

    def _changed(self) -> None:
        self._cloudfront.forget_missing()
        self._cdn.forget_missing()
        self._lambdas.forget_missing()
        self._fc.forget_missing()


async def serve(store: Store, port: int, stop: asyncio.Event) -> None:
    """Answer on loopback until `stop` is set; raises OSError when the port is taken."""
    plane = DataPlane(store, port)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await _respond(request, plane, port)

    server = web.Server(
        handle,
        access_log=None,
        auto_decompress=False,
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    with contextlib.suppress(OSError):
        # A machine without IPv6 has no ::1; names under .localhost then resolve to 127.0.0.1 only.
        await web.TCPSite(runner, "::1", port, backlog=1024).start()
    _announce(store.root, port)
    log.info("listening on port %d for %s", port, store.root)
    watching = asyncio.ensure_future(plane.watch())
    try:
        await stop.wait()
    finally:
        watching.cancel()
        await plane.close()
        await runner.cleanup()
        (store.root / PID_FILE).unlink(missing_ok=True)
        log.info("stopped")


async def _respond(outer: web.BaseRequest, plane: DataPlane, port: int) -> web.StreamResponse:
    if outer.headers.get("Expect", "").lower() == "100-continue" and outer.transport is not None:
        outer.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    path, _, query = outer.raw_path.partition("?")
    request = Request(
        method=outer.method,
        host=real_name(outer.headers.get("Host", "")),
        path=path if path.startswith("/") else "/",
        query=query,
        headers=without(CIMultiDict(outer.headers), HOP_BY_HOP | {"expect"}),
        client_ip=outer.remote or "127.0.0.1",
        sent_host=outer.headers.get("Host", ""),
    )
    request.headers["Host"] = request.host
    if plane.takes_upload(request.method, request.host):
        return await _respond_to_upload(outer, request, plane, port)
    body = await _body(outer)
    if body is None:
        return web.Response(status=413, text="The request body is larger than any of the clouds takes.\n")
    request.body = body
    return await _send(outer, await plane.handle(request, port))


async def _respond_to_upload(
    outer: web.BaseRequest, request: Request, plane: DataPlane, port: int
) -> web.StreamResponse:
    spool = Spool(plane.uploads)
    try:
        async for piece in outer.content.iter_any():
            spool.write(piece)
            if spool.size > _MAX_UPLOAD_BYTES:
                return web.Response(status=413, text="The object is larger than any of the clouds takes.\n")
        request.upload = spool.finish()
        return await _send(outer, await plane.handle(request, port))
    finally:
        # An upload that was accepted has been moved away.
        spool.discard()


async def _body(outer: web.BaseRequest) -> bytes | None:
    pieces, size = [], 0
    async for piece in outer.content.iter_any():
        size += len(piece)
        if size > _MAX_BODY_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)


async def _send(outer: web.BaseRequest, response: Response) -> web.StreamResponse:
    headers = without(response.headers)
    headers.setdefault("Server", "Isthmus local clouds")
    if response.stream is None:
        if outer.method != "HEAD":
            headers.popall("Content-Length", None)
        return web.Response(status=response.status, headers=headers, body=response.body)
    answer = web.StreamResponse(status=response.status, headers=headers)
    if "Content-Length" not in headers:
        answer.enable_chunked_encoding()
    try:
        await answer.prepare(outer)
        async for piece in response.stream:
            if piece:
                await answer.write(piece)
    except Exception as error:  # noqa: BLE001 - the status is out: all that can still be said is a broken body
        log.warning("%s %s broke off: %s", outer.method, outer.path, error)
        if outer.transport is not None:
            outer.transport.abort()
        return answer
    finally:
        await response.close()
    await answer.write_eof()
    return answer


def _announce(root: Path, port: int) -> None:
    temporary = root / f"{PID_FILE}.{os.getpid()}"
    temporary.write_text(json.dumps({"pid": os.getpid(), "port": port}))
    temporary.rename(root / PID_FILE)


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the guardian dies (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _main(port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _die_with_parent()
    store = Store.from_environment()
    try:
        await serve(store, port, stop)
    finally:
        store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m localcloud.data.server")
    parser.add_argument("port", type=int)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_main(parser.parse_args().port))

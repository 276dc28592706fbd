"""A store to build from and publish to, archives, and the handler called as a cloud calls it."""

from __future__ import annotations

import ctypes
import io
import json
import os
import tarfile
import time
import zipfile
from dataclasses import dataclass, field

import pytest

from runtime.context import Context, Function
from tests.support.object_store import Buckets, Stored, serve

PACKAGE = {"name": "shop", "version": "1.0.0", "scripts": {"build": "node build.js"}}
BUILD = """
const fs = require('fs');
const text = fs.readFileSync('text.txt', 'utf8').trim();
fs.mkdirSync('dist/assets', {recursive: true});
fs.writeFileSync('dist/index.html', `<h1>${text}</h1><script src="assets/index-BkH3s9aX.js"></script>`);
fs.writeFileSync('dist/about.html', '<h1>About</h1>');
fs.writeFileSync('dist/assets/index-BkH3s9aX.js', '// long enough to be worth compressing\\n'.repeat(100));
fs.writeFileSync('dist/logo.svg', '<svg/>');
console.log('built ' + text);
"""
OLD_SITE = {"index.html": b"<h1>old</h1>", "other/page.html": b"<h1>not ours</h1>"}


def project(**more: str | bytes) -> dict[str, str | bytes]:
    """A project whose page says `text.txt`; keyword `text__txt` stands for a file name."""
    named = {name.replace("__", "."): value for name, value in more.items()}
    return {"package.json": json.dumps(PACKAGE), "build.js": BUILD, "text.txt": "hello", **named}


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, str | bytes], *members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            raw = data.encode() if isinstance(data, str) else data
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
        for member in members:
            archive.addfile(member)
    return buffer.getvalue()


@dataclass
class Cloud:
    """A cloud with a source and a site bucket."""

    name: str
    port: int
    buckets: Buckets
    seconds: float = 120.0
    event: dict = field(default_factory=dict)
    runs: int = 0

    @property
    def site(self) -> dict[str, bytes]:
        """What readers can see."""
        return {key: item.body for key, item in self.buckets.objects["site"].items() if ".isthmus/" not in key}

    def upload(self, files: dict[str, str | bytes] | bytes, key: str = "projects/shop.zip") -> None:
        body = files if isinstance(files, bytes) else zipped(files)
        self.buckets.objects["source"][key] = Stored(body, {})

    def run(self, **event: object) -> dict:
        """Call the handler with an order for `projects/shop.zip`, or as told."""
        from handlers.site_build import handler

        self.runs += 1
        order = {"source": {"bucket": "source", "key": "projects/shop.zip"}, **event}
        return handler(order, self.context(f"request-{self.runs}"))

    def context(self, request_id: str) -> Context:
        return Context(Function(self.name, os.environ), request_id, (time.time() + self.seconds) * 1000)  # type: ignore[arg-type]

    def puts(self) -> list[str]:
        """Names of the site's files that were written, in order."""
        return [
            call.key
            for call in self.buckets.calls
            if call.bucket == "site" and call.method == "PUT" and ".isthmus/" not in call.key
        ]

    def refreshes(self) -> list[str]:
        return [call.body.decode() for call in self.buckets.calls if call.bucket in {"cdn", "cloudfront"}]


def _environment(monkeypatch: pytest.MonkeyPatch, name: str, port: int) -> None:
    for key in list(os.environ):
        if key.startswith(("AWS_", "ALIBABA_", "FC_", "OSS_", "SITE_")):
            monkeypatch.delenv(key)
    local = f"localhost:{port}"
    both = {"SITE_BUCKET": "site", "SITE_URL": "https://www.example.com/"}
    alibaba = {
        "FC_REGION": "cn-hongkong",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.key",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "hidden-secret",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "hidden-token",
        "OSS_ENDPOINT": f"http://oss-cn-hongkong-internal.aliyuncs.com.{local}",
        "CDN_ENDPOINT": f"http://cdn.aliyuncs.com.{local}",
    }
    aws = {
        "AWS_REGION": "ap-northeast-1",
        "AWS_ACCESS_KEY_ID": "ASIAKEY",
        "AWS_SECRET_ACCESS_KEY": "hidden-secret",
        "AWS_SESSION_TOKEN": "hidden-token",
        "AWS_ENDPOINT_URL_S3": f"http://s3.ap-northeast-1.amazonaws.com.{local}",
        "AWS_ENDPOINT_URL_CLOUDFRONT": f"http://cloudfront.amazonaws.com.{local}",
        "SITE_DISTRIBUTION": "E123",
    }
    for key, value in {**both, **(aws if name == "aws" else alibaba)}.items():
        monkeypatch.setenv(key, value)


@pytest.fixture(params=["alibaba"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    buckets = Buckets(objects={"source": {}, "site": {}})
    server = serve(buckets)
    port = server.server_address[1]
    _environment(monkeypatch, request.param, port)
    monkeypatch.setattr("handlers.site_build.client.random.uniform", lambda low, high: 0.02)
    yield Cloud(request.param, port, buckets)
    server.shutdown()
    server.server_close()
    library = ctypes.CDLL(None)
    library.prctl(4, 1, 0, 0, 0)  # as other tests expect this process
    library.prctl(36, 0, 0, 0, 0)


@pytest.fixture
def old(cloud: Cloud) -> Cloud:
    """A cloud whose site was there before."""
    cloud.buckets.objects["site"] = {key: Stored(body, {}) for key, body in OLD_SITE.items()}
    return cloud

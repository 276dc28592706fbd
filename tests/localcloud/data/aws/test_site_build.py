"""The handler site_build against the local S3 and CloudFront, which verify its signatures.

It signs with the account's keys: what a role of Lambda may do is for the tests of S3 itself.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from handlers.site_build import handler
from handlers.site_build.client import Client
from handlers.site_build.edge import CloudFront
from handlers.site_build.problem import SiteBuildError
from handlers.site_build.signers import Keys
from handlers.site_build.store import Store, s3_service
from localcloud.data.keyring import account_keys
from localcloud.store import Resource
from runtime.context import Context, Function
from tests.handlers.site_build.conftest import project, zipped

REGION = "ap-northeast-1"
KEY = "projects/größe +.zip"
BIG = "const fs=require('fs');fs.mkdirSync('dist');fs.writeFileSync('dist/index.html',Buffer.alloc(20e6,'x'))"


@pytest.fixture
def client(running, monkeypatch):
    root, port, store = running
    for name in ("sources", "pages"):
        host = f"{name}.s3.{REGION}.amazonaws.com"
        properties = {"bucket": name, "region": REGION, "bucketRegionalDomainName": host}
        store.put(Resource("aws:s3/bucket:Bucket", name, f"urn:{name}", properties))
    key = account_keys(root)["aws"]
    settings = {
        "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_ENDPOINT_URL_S3": f"http://s3.{REGION}.amazonaws.com.localhost:{port}",
        "AWS_ENDPOINT_URL_CLOUDFRONT": f"http://cloudfront.amazonaws.com.localhost:{port}",
        "SITE_BUCKET": "pages", "SITE_PREFIX": "shop/", "SITE_URL": "",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    made = Client(lambda: Keys(key.id, key.secret), time.monotonic() + 120)
    yield made
    made.close()


def run(**event: object) -> dict:
    context = Context(Function("aws", os.environ), str(random.random()), (time.time() + 120) * 1000)
    return handler({"source": {"bucket": "sources", "key": KEY}, **event}, context)


def test_a_site_is_built_published_changed_and_pruned(client):
    service = s3_service(REGION, os.environ["AWS_ENDPOINT_URL_S3"])
    sources, pages = Store(service, client, "sources"), Store(service, client, "pages")
    sources.put(KEY, zipped(project()), {})
    assert run()["counts"]["uploaded"] == 4
    assert run()["status"] == "unchanged"
    head = pages.head("shop/index.html")
    assert head is not None
    assert (head["content-type"], head["cache-control"]) == ("text/html; charset=utf-8", "no-cache")
    sources.put(KEY, zipped(project(build__js=BIG)), {})
    assert run(prune=True)["counts"]["removed"] == 3
    assert [name for name in pages.list("shop/") if ".isthmus/" not in name] == ["shop/index.html"]
    assert run(force=True)["counts"]["uploaded"] == 0


def test_an_invalidation_is_understood_and_its_refusal_told(client):
    edge = CloudFront(client, "ENOTTHERE", os.environ["AWS_ENDPOINT_URL_CLOUDFRONT"])
    with pytest.raises(SiteBuildError, match=r"CloudFront refused to forget the old pages .404 NoSuchDistribution"):
        edge.refresh(["https://www.example.com/index.html"])

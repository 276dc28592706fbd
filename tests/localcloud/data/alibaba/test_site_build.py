"""The handler site_build against the local OSS and CDN, with the credentials of a role that has the least rights.

The handler runs in this process: that a function runs it is for the tests of the whole stack.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from handlers.site_build import handler
from handlers.site_build.client import Client
from handlers.site_build.problem import SiteBuildError
from handlers.site_build.signers import Keys
from handlers.site_build.store import Store, oss_service
from localcloud.data.keyring import account_keys
from runtime.context import Context, Function
from tests.handlers.site_build.conftest import project, zipped
from tests.localcloud.data.alibaba.oss.test_access import NAMES, environment
from tests.localcloud.data.conftest import CDN_HOST

from .resources import allow, put_bucket, put_role

PREFIX = "shop/"
RIGHTS = (
    allow("oss:GetObject", "acs:oss:*:*:sources/projects/*"),
    allow(
        ["oss:GetObject", "oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload"],
        f"acs:oss:*:*:pages/{PREFIX}*",
    ),
    allow("oss:ListObjects", "acs:oss:*:*:pages", StringLike={"oss:Prefix": [f"{PREFIX}*"]}),
    allow("cdn:RefreshObjectCaches", f"acs:cdn:*:1234567890123456:domain/{CDN_HOST}"),
)


@pytest.fixture
def builder(running, monkeypatch):
    """Uploads sources and looks at the site with the account's keys; calls the handler with the role's."""
    root, port, store = running
    for name in ("sources", "pages"):
        put_bucket(store, name)
    found = environment(running, "builder", put_role(store, "builder", *RIGHTS))
    for name in NAMES:
        monkeypatch.setenv(name, found[name])
    settings = {
        "FC_REGION": "cn-hongkong", "SITE_BUCKET": "pages", "SITE_PREFIX": PREFIX, "SITE_URL": f"https://{CDN_HOST}/",
        "OSS_ENDPOINT": f"http://oss-cn-hongkong-internal.aliyuncs.com.localhost:{port}",
        "CDN_ENDPOINT": f"http://cdn.aliyuncs.com.localhost:{port}",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    class Builder:
        def __init__(self) -> None:
            key = account_keys(root)["alibaba"]
            self.http = Client(lambda: Keys(key.id, key.secret), time.monotonic() + 120)
            service = oss_service("cn-hongkong", settings["OSS_ENDPOINT"])
            self.sources, self.pages = (Store(service, self.http, name) for name in ("sources", "pages"))

        def upload(self, files: dict, key: str = "projects/größe +.zip") -> None:
            self.sources.put(key, zipped(files), {})

        def run(self, key: str = "projects/größe +.zip", **event: object) -> dict:
            context = Context(Function("alibaba", os.environ), str(random.random()), (time.time() + 120) * 1000)
            return handler({"source": {"bucket": "sources", "key": key}, **event}, context)

        def names(self) -> set[str]:
            return {name for name in self.pages.list(PREFIX) if ".isthmus/" not in name}

    made = Builder()
    yield made
    made.http.close()


def test_a_site_is_built_published_changed_and_pruned(builder):
    builder.upload(project())
    report = builder.run()
    assert report["status"] == "published"
    assert builder.names() == {f"{PREFIX}{name}" for name in report["uploaded"]}
    head = builder.pages.head(f"{PREFIX}index.html")
    assert (head["content-type"], head["cache-control"]) == ("text/html; charset=utf-8", "no-cache")
    assert builder.run()["status"] == "unchanged"
    builder.upload(project(text__txt="other"))
    changed = builder.run()
    assert (changed["uploaded"], changed["counts"]["unchanged"]) == (["index.html"], 3)
    assert changed["counts"]["refreshed"] == 2
    script = "const fs=require('fs');fs.mkdirSync('dist');fs.writeFileSync('dist/index.html',Buffer.alloc(20e6,'x'))"
    builder.upload(project(build__js=script))
    assert builder.run(prune=True)["counts"]["removed"] == 3
    assert builder.names() == {f"{PREFIX}index.html"}
    assert builder.run(force=True)["counts"]["uploaded"] == 0


def test_what_the_role_does_not_cover_is_refused_in_one_sentence(builder):
    with pytest.raises(SiteBuildError, match=r"OSS answered HEAD sources/secret.zip with 403"):
        builder.run("secret.zip")
    builder.upload(project())
    with pytest.raises(SiteBuildError, match=r"403 AccessDenied .*let the function's role do this there"):
        builder.run(site={"bucket": "pages", "prefix": "other"})


def test_a_token_that_is_none_any_more_says_so(builder, monkeypatch):
    builder.upload(project())
    monkeypatch.setenv(NAMES[2], "wrong")
    with pytest.raises(SiteBuildError, match=r"temporary credentials have expired .403 InvalidSecurityToken") as caught:
        builder.run()
    assert caught.value.worth_retry

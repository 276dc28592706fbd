"""`make demo-site` as a user gives it: a front-end project goes from a zip to a page in a real Chromium.

Everything is what a user has: the engine, the deployed zip, npm and Vite inside the function, the local OSS and CDN.
Does not prove that the real clouds behave as the stand-ins do. npm's packages come from the registry that this machine
uses. The tests of this module run in order on one deployment.
"""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from dataclasses import dataclass

import pytest

from localcloud.store import Store
from tests.support.workspace import new_workspace
from tools import browser

pytestmark = pytest.mark.engine

CONTENT = "demo/site/src/content.js"
OLD, NEW = "Upload a zip. Get a site.", "Change a text. Send two files."
HEADLINE = "document.querySelector('h1')?.textContent"
STEPS = "[...document.querySelectorAll('li strong')].map((step) => step.textContent).join()"


@dataclass
class Demo:
    """The demo of one workspace."""

    workspace: object

    def make(self, *, check: bool = True):
        return self.workspace.make("demo-site", check=check)

    @property
    def url(self) -> str:
        return f"http://demo.isthmus.test.localhost:{self.workspace.port}/"

    def site(self) -> dict[str, tuple[str, float]]:
        """What the local OSS holds of the site: ETag and time of the last change by key."""
        store = Store(self.workspace.root / ".local/demo/cloud")
        try:
            (bucket,) = (item.id for item in store.list("alicloud:oss/bucket:Bucket") if "-site-" in item.id)
            found = store.oss.list(bucket)
        finally:
            store.close()
        return {item.key: (item.etag, item.modified) for item in found if not item.key.startswith(".isthmus/")}

    def fetch(self, path: str = "") -> tuple[bytes, str]:
        """The CDN's answer and whether it had it: body and HIT or MISS."""
        parts = urllib.parse.urlsplit(self.url)
        address = f"http://127.0.0.1:{parts.port}/{path}"
        request = urllib.request.Request(address, headers={"Host": parts.netloc})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read(), answer.headers["X-Cache"].partition(" ")[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    workspace = new_workspace(tmp_path_factory.mktemp("demo"))
    demo = Demo(workspace)
    demo.first = demo.make()
    yield demo
    workspace.make("down", "STACK=demo", check=False)


def sent(shown: str) -> set[str]:
    """The names on the line `sent: …`, without their hashes."""
    found = re.search(r"^sent: (.*)$", shown, re.MULTILINE)
    return {re.sub(r"-[\w-]{8}\.", ".", name) for name in found[1].split(", ")} if found else set()


def test_the_project_is_built_by_the_function_and_served_by_the_cdn(demo):
    shown = demo.first.stdout
    assert "site_build | install: npm ci" in shown
    assert "build | vite v" in shown
    assert re.search(r"^published: 6 files sent \([\d,]+ bytes\), 0 unchanged", shown, re.MULTILINE)
    assert sent(shown) == {
        "index.html",
        "favicon.svg",
        *(f"assets/{name}" for name in ("index.js", "index.css", "react.js", "isthmus.svg")),
    }
    assert f"page: {demo.url} answers 200" in shown
    assert set(demo.site()) == set(re.search(r"^sent: (.*)$", shown, re.MULTILINE)[1].split(", "))


def test_the_users_own_stack_is_left_alone(demo):
    assert "Nothing is deployed on the stack local" in demo.workspace.make("down").stdout
    assert not (demo.workspace.root / ".local/cloud").exists()


def test_react_draws_the_page_in_chromium_and_is_alive(demo, chromium):
    page = chromium.open(demo.url, HEADLINE, OLD)
    assert OLD.encode() not in demo.fetch()[0], "the headline is in the HTML, so that no script is proved"
    assert page.complaints == []
    assert {answer.status for answer in page.answers} == {200}
    assert all("x-cache" in answer.headers for answer in page.answers)
    assert {urllib.parse.urlsplit(answer.url).path.rpartition(".")[2] for answer in page.answers} >= {
        "js",
        "css",
        "svg",
    }
    assert chromium.evaluate(STEPS) == "Source bucket,Function,Site bucket,CDN"
    chromium.evaluate("document.querySelectorAll('[role=tab]')[2].click()")
    assert "stays as it was" in chromium.evaluate("document.querySelector('ol').textContent")


def test_the_command_itself_looks_and_keeps_a_picture(demo, chromium):
    assert f"shows the headline {OLD!r}" in demo.first.stdout
    picture = (demo.workspace.root / ".local/demo/site.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (browser.WIDTH, browser.HEIGHT)
    assert 20_000 < len(picture) < 500_000


def test_the_same_upload_again_builds_and_sends_nothing(demo):
    before = demo.site()
    shown = demo.make().stdout
    assert re.search(r"^unchanged: 0 files sent \(0 bytes\), 6 unchanged", shown, re.MULTILINE)
    assert "npm" not in shown
    assert demo.site() == before


def test_another_zip_with_the_same_result_is_built_and_sends_nothing(demo):
    before = demo.site()
    (demo.workspace.root / "demo/site/NOTES.md").write_text("No part of the page.\n")
    shown = demo.make().stdout
    assert "npm run build" in shown
    assert re.search(r"^published: 0 files sent \(0 bytes\), 6 unchanged, 0 addresses refreshed", shown, re.MULTILINE)
    assert demo.site() == before


def test_a_changed_text_sends_the_files_that_have_it_and_the_cdn_keeps_the_rest(demo):
    before = demo.site()
    react = next(key for key in before if key.startswith("assets/react-"))
    demo.fetch(react)
    assert demo.fetch(react)[1] == "HIT"
    demo.workspace.edit(CONTENT, OLD, NEW)

    shown = demo.make().stdout

    assert sent(shown) == {"index.html", "assets/index.js"}
    assert re.search(r"^published: 2 files sent \([\d,]+ bytes\), 4 unchanged", shown, re.MULTILINE)
    after = demo.site()
    changed = {key for key, told in after.items() if before.get(key) != told}
    assert changed == set(re.search(r"^sent: (.*)$", shown, re.MULTILINE)[1].split(", "))
    assert demo.fetch(react)[1] == "HIT", "the CDN has forgotten a file that did not change"


def test_chromium_sees_the_new_text(demo, chromium):
    page = chromium.open(demo.url, HEADLINE, NEW)
    assert page.complaints == []


def test_a_broken_project_says_why_and_leaves_the_page(demo, chromium):
    before, page = demo.site(), demo.fetch()[0]
    demo.workspace.edit("demo/site/src/App.jsx", "</header>", "</hader>")

    done = demo.make(check=False)

    assert done.returncode != 0
    shown = done.stdout + done.stderr
    assert "App.jsx" in shown
    assert "The build has failed" in shown
    assert "Traceback" not in done.stderr
    assert demo.site() == before
    assert demo.fetch()[0] == page
    chromium.open(demo.url, HEADLINE, NEW)


def test_a_file_that_keeps_its_name_is_new_at_once(demo):
    demo.workspace.edit("demo/site/src/App.jsx", "</hader>", "</header>")
    demo.workspace.edit("demo/site/public/favicon.svg", "#12606f", "#0b1f33")
    demo.fetch("favicon.svg")
    old, cached = demo.fetch("favicon.svg")
    assert cached == "HIT", "the CDN does not keep the icon, so that no refresh is proved"

    shown = demo.make().stdout

    assert sent(shown) == {"favicon.svg"}
    assert re.search(r"^published: 1 file sent .*, 5 unchanged, 1 address refreshed", shown, re.MULTILINE)
    assert b"#12606f" in old
    assert b"#0b1f33" in demo.fetch("favicon.svg")[0], "the CDN still shows the old icon"


def test_down_takes_the_buckets_with_what_they_hold(demo):
    shown = demo.workspace.make("down", "STACK=demo").stdout
    assert re.search(r"\b\d+ deleted", shown)
    assert not (demo.workspace.root / ".local/demo/cloud").exists()

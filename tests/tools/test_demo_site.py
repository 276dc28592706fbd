"""`make demo-site` after the deploy, with scripts in place of cloud and browser; tests/browser has the real ones."""

from __future__ import annotations

import http.server
import json
import threading
import zipfile

import pytest

from tools.demo_site import Demo, headline, told
from tools.problem import Problem

REPORT = {
    "status": "published",
    "counts": {"uploaded": 2, "unchanged": 4, "refreshed": 2},
    "bytes_sent": 12345,
    "seconds": {"download": 0.01, "install": 5.25, "build": 2.0, "total": 7.26},
    "uploaded": ["index.html", "assets/index-DJXYKyTN.js"],
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Host"].startswith("demo.isthmus.test.localhost:") and not self.server.gone
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("X-Cache", "MISS TCP_MISS dirn:-2:-2")
        self.end_headers()
        self.wfile.write(b"<html></html>")

    def log_message(self, *_):
        pass


@pytest.fixture
def cdn():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.gone = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def demo(tmp_path, cdn, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    project, folder = tmp_path / "demo/site", tmp_path / ".local/demo"
    (project / "src").mkdir(parents=True)
    (project / "package.json").write_text("{}")
    (project / "src/content.js").write_text('// x\nexport const headline = "Say \\"hi\\"";\n')
    folder.mkdir(parents=True)
    outputs = {"source_bucket": "src", "source_prefix": "projects/", "site_function_name": "f"}
    return Demo(tmp_path, folder, outputs, f"http://demo.isthmus.test.localhost:{cdn.server_port}/")


def test_the_log_comes_as_it_is_and_the_report_in_words(demo, cdn, capsys):
    uploads = []

    def upload(*arguments) -> int:
        uploads.append(arguments[:2] + arguments[3:4])
        with zipfile.ZipFile(arguments[2]) as archive:
            assert archive.namelist() == ["package.json", "src/content.js"]
        arguments[4]("build | done")
        arguments[4](f"site_build | report {json.dumps(REPORT)}")
        return 0

    assert demo.run(upload) == 0
    assert uploads == [("src", "projects/site.zip", "f")]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  build | done"
    assert lines[1:4] == told(REPORT)
    assert (
        lines[4]
        == f"page: http://demo.isthmus.test.localhost:{cdn.server_port}/ answers 200, 13 bytes, text/html, MISS"
    )
    assert lines[5].startswith("browser: not run, for there is no chromium, ")
    assert len(lines) == 6


def test_a_report_in_words():
    assert told(REPORT) == [
        "published: 2 files sent (12,345 bytes), 4 unchanged, 2 addresses refreshed",
        "sent: index.html, assets/index-DJXYKyTN.js",
        "seconds: 7.3 (install 5.2, build 2.0)",
    ]
    counts = {"uploaded": 0, "unchanged": 6, "refreshed": 0}
    nothing = {"status": "unchanged", "counts": counts, "bytes_sent": 0, "seconds": {"total": 0.0}, "uploaded": []}
    assert told(nothing) == ["unchanged: 0 files sent (0 bytes), 6 unchanged, 0 addresses refreshed", "seconds: 0.0"]


@pytest.mark.parametrize("line", ["build | site_build | report {}", "site_build | upload: 3 new files"])
def test_a_build_without_a_report_has_failed(demo, capsys, line):
    def upload(*arguments) -> int:
        arguments[4](line)
        return 0

    assert demo.run(upload) == 1
    assert "The build has failed" in capsys.readouterr().err


def test_a_failed_build_is_no_report(demo, capsys):
    def upload(*arguments) -> int:
        arguments[4](f"site_build | report {json.dumps(REPORT)}")
        return 1

    assert demo.run(upload) == 1
    assert "published" not in capsys.readouterr().out


def test_a_page_that_is_not_there(demo, cdn):
    def upload(*arguments) -> int:
        arguments[4](f"site_build | report {json.dumps(REPORT)}")
        return 0

    cdn.gone = True
    with pytest.raises(Problem, match="answers 404, but must answer 200"):
        demo.run(upload)


def test_a_browser_that_does_not_start_is_a_sentence(demo, tmp_path):
    (tmp_path / "chromium").write_text("#!/bin/sh\necho missing library >&2\nexit 1\n")
    (tmp_path / "chromium").chmod(0o755)

    def upload(*arguments) -> int:
        arguments[4](f"site_build | report {json.dumps(REPORT)}")
        return 0

    with pytest.raises(Problem, match=r"The browser does not show the page: Chromium has ended\.\n    missing library"):
        demo.run(upload)


def test_the_headline_is_read_as_javascript_has_it(demo):
    assert headline(demo.root / "demo/site") == 'Say "hi"'
    (demo.root / "demo/site/src/content.js").write_text("export const other = 1;\n")
    with pytest.raises(Problem, match="has no line such as"):
        headline(demo.root / "demo/site")

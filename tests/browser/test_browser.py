"""The driver on real pages in a real Chromium, and on programs that are none."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import browser
from tools.devtools import BrowserError

DRAW = b"<script>setTimeout(() => { document.querySelector('h1').textContent = 'drawn' }, 50)</script>"
PAGES = {
    "/": b"<h1>static</h1>" + DRAW,
    "/broken": b"<h1>static</h1><script>missing()</script><script src='/gone.js'></script>",
    "/picture": b"<h1>static</h1><img src='/gone.png'>",
}
HEADLINE = "document.querySelector('h1').textContent"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGES.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("X-Cache", "MISS")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://www.example.com.localhost:{server.server_port}"
        server.shutdown()


def script(folder: Path, body: str) -> Path:
    program = folder / "chromium"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return program


def running(group: int) -> list[list[str]]:
    """The processes of a group, without those that only wait to be reaped."""
    stats = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats.append(file.read_text().rpartition(")")[2].split())
    return [fields for fields in stats if int(fields[2]) == group and fields[0] != "Z"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_waits_for_what_a_script_draws_and_tells_what_was_answered(chromium, site):
    page = chromium.open(f"{site}/", HEADLINE, "drawn")
    assert [(answer.url, answer.status, answer.headers["x-cache"]) for answer in page.answers][:1] == [
        (f"{site}/", 200, "MISS")
    ]
    assert not [complaint for complaint in page.complaints if "favicon" not in complaint]


def test_a_page_that_never_shows_it_is_an_error_with_the_pages_own_complaints(chromium, site):
    with pytest.raises(BrowserError) as told:
        chromium.open(f"{site}/broken", HEADLINE, "drawn", seconds=1)
    assert "is 'static', not 'drawn'" in str(told.value)
    assert "ReferenceError: missing is not defined" in str(told.value)
    assert "404" in str(told.value)
    assert "gone.js" in str(told.value)


def test_a_picture_that_is_not_there_makes_the_page_not_whole(chromium, site):
    with pytest.raises(BrowserError, match=r"gone\.png"):
        chromium.open(f"{site}/picture", HEADLINE, "static", seconds=1)


def test_an_address_that_nobody_answers_at(chromium):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BrowserError, match=r"cannot be opened: net::ERR_CONNECTION_REFUSED"):
            chromium.open(f"http://127.0.0.1:{taken.getsockname()[1]}/", HEADLINE, "drawn")


def test_a_screenshot_has_the_size_that_was_asked_for(chromium, site, tmp_path):
    chromium.open(f"{site}/", HEADLINE, "drawn")
    chromium.screenshot(tmp_path / "seen.png")
    data = (tmp_path / "seen.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (browser.WIDTH, browser.HEIGHT)


def test_nothing_of_it_is_left(chromium, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with browser.Browser(browser.find()) as another:
        group = os.getpgid(another._devtools._process.pid)
        assert list(tmp_path.iterdir())
    until(lambda: not running(group))
    assert not list(tmp_path.glob("chromium-*"))


def test_it_ends_when_its_user_is_killed(chromium, tmp_path):
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import os, signal, sys\n"
        "from tools import browser\n"
        "running = browser.Browser(browser.find())\n"
        "print(running._devtools._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(browser.__file__).parents[1]), "TMPDIR": str(tmp_path)}
    killed = subprocess.run([sys.executable, starter], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    until(lambda: not running(int(killed.stdout)))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("echo no such display >&2; exit 3", "Chromium has ended.\n    no such display"),
        ("exit 0", "Chromium has ended."),
    ],
)
def test_a_program_that_is_no_chromium(tmp_path, body, told):
    with pytest.raises(BrowserError) as raised:
        browser.Browser(script(tmp_path, body))
    assert str(raised.value) == told


def test_the_first_name_on_path_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find() is None
    (tmp_path / "google-chrome").touch(0o755)
    assert browser.find() == tmp_path / "google-chrome"
    script(tmp_path, "exit")
    assert browser.find() == tmp_path / "chromium"

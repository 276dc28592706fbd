"""The machine's own Chromium without a window: opens a page, reads its DOM, takes a picture."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tools.devtools import BrowserError, DevTools

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOT_FOUND = f"there is no {', '.join(NAMES[:-1])} or {NAMES[-1]} on PATH"
WIDTH, HEIGHT = 1280, 1060

_POLL_SECONDS = 0.05
_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
)
_IS_WHOLE = """
document.readyState === "complete" && document.fonts.status === "loaded"
  && [...document.images].every((image) => image.complete && image.naturalWidth > 0)
"""


@dataclass(frozen=True)
class Answer:
    """One response that a page got."""

    url: str
    status: int
    headers: dict[str, str]
    """By lower-case name."""


@dataclass
class Page:
    """What happened on a page until it showed what it should."""

    answers: list[Answer] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Errors of its scripts, and requests that failed."""


def find() -> Path | None:
    """The first Chromium on PATH."""
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)


class Browser:
    """A Chromium with an empty profile, which goes when the `with` block ends; its methods raise BrowserError."""

    def __init__(self, program: Path) -> None:
        with ExitStack() as stack:
            temporary = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
            profile = Path(stack.enter_context(temporary))
            # Chromium's sandbox does not start for root.
            flags = [*_FLAGS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
            homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(profile))
            self._devtools = DevTools([program, *flags], {**os.environ, **homes}, profile / "log")
            stack.callback(self._devtools.close)
            self._session = self._new_page()
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, url: str, expression: str, wanted: object, seconds: float = 30.0) -> Page:
        """Go to a page and wait until it is whole and a JavaScript expression has the wanted value."""
        self._devtools.events.clear()
        page, value = Page(), None
        went = self._call("Page.navigate", url=url)
        if went.get("errorText"):
            raise BrowserError(f"{url} cannot be opened: {went['errorText']}.")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.evaluate(expression)
            if value == wanted and self.evaluate(_IS_WHOLE):
                _write_down(self._devtools.events, page)
                return page
            self._devtools.listen(_POLL_SECONDS)
        _write_down(self._devtools.events, page)
        told = "".join(f"\n    {complaint}" for complaint in page.complaints)
        raise BrowserError(f"{url} does not show what it should: {expression} is {value!r}, not {wanted!r}.{told}")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page, by way of JSON; None when it throws."""
        return self._call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, target: Path) -> None:
        """Write what is seen as a PNG of WIDTH × HEIGHT pixels."""
        target.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _new_page(self) -> str:
        target = self._devtools.call("Target.createTarget", url="about:blank")["targetId"]
        session = self._devtools.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._devtools.call(f"{domain}.enable", session)
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self._devtools.call("Emulation.setDeviceMetricsOverride", session, **size)
        return session

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._devtools.call(method, self._session, **parameters)


def _write_down(events: list[dict[str, Any]], page: Page) -> None:
    for event in events:
        told = event.get("params") or {}
        match event.get("method"):
            case "Network.responseReceived":
                response = told["response"]
                headers = {name.lower(): value for name, value in response["headers"].items()}
                page.answers.append(Answer(response["url"], response["status"], headers))
            case "Runtime.exceptionThrown":
                details = told["exceptionDetails"]
                page.complaints.append(details.get("exception", {}).get("description") or details["text"])
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                entry = told["entry"]
                page.complaints.append(f"{entry['text']} ({entry.get('url', 'no address')})")
    events.clear()

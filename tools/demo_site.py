"""`make demo-site` after the deploy: the project of `demo/site` is uploaded, and the page is looked at."""

from __future__ import annotations

import http.client
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import browser
from tools.devtools import BrowserError
from tools.problem import Problem
from tools.project_zip import packed
from tools.screen import say

PROJECT = Path("demo/site")
KEY = "site.zip"

_HEADLINE = re.compile(r'^export const headline = ("(?:[^"\\]|\\.)*");$', re.MULTILINE)
_REPORT = re.compile(r"^site_build \| report (\{.*\})$")
_SHOWN = "document.querySelector('h1')?.textContent"
_PAGE_SECONDS = 30.0

Upload = Callable[[str, str, Path, str, Callable[[str], None]], int]
"""Puts a file into a bucket under a key, hands on each line that a function logs until it is done; an exit code."""


@dataclass(frozen=True)
class Demo:
    """A deployed stack with site_build, and where its files and its page are."""

    root: Path
    folder: Path
    """For the zip and the picture."""
    outputs: Mapping[str, Any]
    url: str
    """Where the local CDN answers."""

    def run(self, upload: Upload) -> int:
        """Upload, show the build, look at the page; the exit code. Raises Problem."""
        wanted = headline(self.root / PROJECT)
        report = self._built(upload)
        if report is None:
            say("The build has failed; its log says why.")
            return 1
        for line in told(report):
            print(line)
        print(f"page: {self.url} answers {self._page()}")
        return self._look(wanted)

    def _built(self, upload: Upload) -> dict[str, Any] | None:
        archive = self.folder / KEY
        archive.write_bytes(packed(self.root / PROJECT))
        bucket, key = self.outputs["source_bucket"], self.outputs["source_prefix"] + KEY
        say(f"Uploading {PROJECT} ({archive.stat().st_size:,} bytes) to oss://{bucket}/{key}; the function's log:")
        reports: list[dict[str, Any]] = []

        def read(line: str) -> None:
            found = _REPORT.match(line)
            if found:
                reports.append(json.loads(found[1]))
            else:
                print(f"  {line}")

        code = upload(bucket, key, archive, self.outputs["site_function_name"], read)
        return reports[-1] if code == 0 and reports else None

    def _page(self) -> str:
        """What the CDN answers to a GET of the page."""
        parts = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=_PAGE_SECONDS)
        try:
            connection.request("GET", parts.path or "/", headers={"Host": parts.netloc})
            answer = connection.getresponse()
            size = len(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Problem(f"{self.url} does not answer ({error}); run `make demo-site` again.") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise Problem(
                f"{self.url} answers {answer.status}, but must answer 200; `make logs STACK=demo` may tell why."
            )
        return f"200, {size:,} bytes, {answer.headers['Content-Type']}, {answer.headers['X-Cache'].partition(' ')[0]}"

    def _look(self, wanted: str) -> int:
        program = browser.find()
        if program is None:
            print(f"browser: not run, for {browser.NOT_FOUND}")
            return 0
        picture = self.folder / "site.png"
        try:
            with browser.Browser(program) as running:
                page = running.open(self.url, _SHOWN, wanted)
                running.screenshot(picture)
        except BrowserError as error:
            raise Problem(f"The browser does not show the page: {error}") from error
        files = _count(len(page.answers), "file")
        print(f"browser: {program.name} has loaded {files} and shows the headline {wanted!r}")
        print(f"picture: {picture.relative_to(self.root)}")
        return 0


def headline(project: Path) -> str:
    """The text that the demo's page shows first; raises Problem."""
    source = project / "src/content.js"
    found = _HEADLINE.search(source.read_text()) if source.exists() else None
    if not found:
        raise Problem(f'{source} has no line such as: export const headline = "A text";')
    return json.loads(found[1])


def told(report: Mapping[str, Any]) -> list[str]:
    """A report of site_build in two or three lines."""
    counts, seconds = report["counts"], report["seconds"]
    sent = f"{_count(counts['uploaded'], 'file')} sent ({report['bytes_sent']:,} bytes)"
    refreshed = f"{_count(counts['refreshed'], 'address', 'es')} refreshed"
    lines = [f"{report['status']}: {sent}, {counts['unchanged']} unchanged, {refreshed}"]
    if report["uploaded"]:
        lines.append(f"sent: {', '.join(report['uploaded'])}")
    phases = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if value >= 0.05 and name != "total")
    lines.append(f"seconds: {seconds['total']:.1f}" + (f" ({phases})" if phases else ""))
    return lines


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"

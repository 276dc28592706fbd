"""The project's virtual environment: `.tools/venv`, its pip and its packages, each fetched once.

What is installed is told by a stamp: for each requirements file a digest of it and of all that it refers to.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from tools.places import Places, python_version
from tools.problem import Problem
from tools.process import QuietSteps
from tools.screen import Step

_PIP = "pip-26.3-py3-none-any.whl"
_PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
_FETCH_SECONDS = 60


def environment(places: Places) -> dict[str, str]:
    """For pip: the user's own settings (indexes, proxies, certificates), with the cache inside the clone."""
    return {**os.environ, "PIP_CACHE_DIR": str(places.cache / "pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


# The environment itself


def is_ready(places: Places) -> bool:
    """Whether the virtual environment exists and belongs to the Python that runs the tools."""
    return places.python.exists() and _stamp(places).get("python") == python_version()


def create(places: Places, quiet: QuietSteps, step: Step) -> None:
    """Make the virtual environment, or adopt a whole one that bears no stamp; one of another Python is replaced."""
    if not _is_whole(places):
        shutil.rmtree(places.venv, ignore_errors=True)
        own_pip = importlib.util.find_spec("ensurepip") is not None
        options = [] if own_pip else ["--without-pip"]
        quiet.run("venv", [sys.executable, "-m", "venv", *options, places.venv], environment(places))
        if not own_pip:
            step.detail = "fetching pip"
            wheel = fetch_pip(places.cache)
            command = [places.python, wheel / "pip", "install", "--no-index", "--no-deps", wheel]
            quiet.run("pip", command, environment(places))
    _write_stamp(places, {"python": python_version()})


def _is_whole(places: Places) -> bool:
    """Whether our Python's venv is there with a pip that can be imported: all that `create` would make."""
    if not places.python.exists():
        return False
    told = "import os, pip, sys; print(sys.version.split()[0], os.path.realpath(sys.base_prefix))"
    found = subprocess.run([places.python, "-c", told], capture_output=True, text=True, check=False)
    return found.stdout.strip() == python_version()


def fetch_pip(folder: Path) -> Path:
    """Fetch pip's own wheel from the package index and return its path: Debian's Python comes without `ensurepip`."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    try:
        page = _fetch(index).decode()
        link = re.search(rf'href="([^"]*{re.escape(_PIP)})[^"]*"', page)
        data = _fetch(urllib.parse.urljoin(index, link[1])) if link else b""
    except (urllib.error.URLError, OSError) as problem:
        raise Problem(f"{_without_secret(index)} cannot be read ({problem}): {_PIP_REMEDY}") from problem
    if hashlib.sha256(data).hexdigest() != _PIP_SHA256:
        raise Problem(f"{_without_secret(index)} does not give the expected {_PIP}: {_PIP_REMEDY}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _PIP).write_bytes(data)
    return folder / _PIP


_PIP_REMEDY = (
    "check network and PIP_INDEX_URL, or install Python's `ensurepip` (on Debian: `apt install python3-venv`)."
)


def _fetch(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise Problem(f"{url} is no web address: {_PIP_REMEDY}")
    trust = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
    with urllib.request.urlopen(url, timeout=_FETCH_SECONDS, context=trust) as answer:  # noqa: S310  (checked above)
        return answer.read()


def _without_secret(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


# Its packages


def missing(places: Places, files: Iterable[Path]) -> list[Path]:
    """The requirements files whose packages are not installed as the files now stand."""
    installed = _stamp(places).get("requirements", {})
    return [file for file in files if installed.get(_name(places, file)) != fingerprint(file)]


def install(places: Places, files: list[Path], quiet: QuietSteps, step: Step) -> None:
    """Install the packages of these requirements files."""
    wanted = [word for file in files for word in ("-r", str(file))]
    command = [places.python, "-m", "pip", "install", "--no-input", "--progress-bar", "off", *wanted]
    seen: set[str] = set()

    def count(line: str) -> None:
        if match := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line):
            seen.add(match[1])
            step.detail = f"{len(seen)} packages looked at"
        if line.startswith("Installing collected packages"):
            step.detail = "writing them"

    quiet.run("pip", command, environment(places), on_line=count)
    stamp = _stamp(places)
    for part in {part for file in files for part in _closure(file)}:
        stamp.setdefault("requirements", {})[_name(places, part)] = fingerprint(part)
    _write_stamp(places, stamp)


def fingerprint(file: Path) -> str:
    """SHA-256 over a requirements file and every file that it names with `-r` or `-c`."""
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in _closure(file))).hexdigest()


def _closure(file: Path) -> list[Path]:
    found, waiting = [], [file.resolve()]
    while waiting:
        part = waiting.pop()
        if part in found:
            continue
        found.append(part)
        waiting += [(part.parent / name).resolve() for name in re.findall(r"(?m)^-[rc]\s+(\S+)", part.read_text())]
    return found


def _name(places: Places, file: Path) -> str:
    return str(file.resolve().relative_to(places.root.resolve()))


def _stamp(places: Places) -> dict:
    try:
        return json.loads((places.venv / "isthmus.json").read_text())
    except (OSError, ValueError):
        return {}


def _write_stamp(places: Places, stamp: dict) -> None:
    new = places.venv / "isthmus.json.new"
    new.write_text(json.dumps(stamp, indent=1))
    new.rename(places.venv / "isthmus.json")

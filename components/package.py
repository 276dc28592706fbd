"""The facts about a finished zip that the rules ask for."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

from rules.edge_source import written_headers

_BOOTSTRAP = "bootstrap"
_MANIFEST = "manifest.json"
_LONGEST_LINE = 256


def zip_facts(path: object) -> dict[str, Any]:
    """Facts about any zip: its size in bytes, packed and unpacked, or why it cannot be read.

    Anything but a string gives no facts, since the argument's type is reported elsewhere.
    """
    if not isinstance(path, str):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            return {"zip_error": "", **_sizes(archive)}
    except (OSError, zipfile.BadZipFile) as error:
        return {"zip_error": _reason(error)}


def custom_runtime_facts(path: object) -> dict[str, Any]:
    """The facts of `zip_facts`, and those about the zip's `bootstrap` and the architecture in its manifest."""
    facts = zip_facts(path)
    if facts.get("zip_error", "unknown") or not isinstance(path, str):
        return facts
    with zipfile.ZipFile(path) as archive:
        return {**facts, **_bootstrap(archive), **_architecture(archive)}


def edge_facts(path: object, handler: object) -> dict[str, Any]:
    """The facts of `zip_facts`, and the headers that the handler's module writes, where its source is in the zip."""
    facts = zip_facts(path)
    if facts.get("zip_error", "unknown") or not isinstance(path, str) or not isinstance(handler, str):
        return facts
    module = handler.rpartition(".")[0].replace(".", "/") + ".py"
    with zipfile.ZipFile(path) as archive:
        if module not in archive.namelist():
            return facts
        source = archive.read(module).decode("utf-8", errors="replace")
    return {**facts, "edge_headers": written_headers(source)}


def sha256_of(path: str) -> str:
    """SHA-256 of a file in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sizes(archive: zipfile.ZipFile) -> dict[str, int]:
    packed = Path(str(archive.filename)).stat().st_size
    return {"zip_bytes": packed, "unpacked_bytes": sum(entry.file_size for entry in archive.infolist())}


def _bootstrap(archive: zipfile.ZipFile) -> dict[str, Any]:
    if _BOOTSTRAP not in archive.namelist():
        return {"bootstrap_mode": 0}
    with archive.open(_BOOTSTRAP) as file:
        first_line = file.readline(_LONGEST_LINE)
    mode = (archive.getinfo(_BOOTSTRAP).external_attr >> 16) & 0o7777
    return {"bootstrap_mode": mode, "bootstrap_first_line": first_line}


def _architecture(archive: zipfile.ZipFile) -> dict[str, Any]:
    if _MANIFEST not in archive.namelist():
        return {}
    architecture = json.loads(archive.read(_MANIFEST)).get("architecture")
    return {"zip_architecture": architecture} if architecture else {}


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)

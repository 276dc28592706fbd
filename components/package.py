"""The facts about a finished zip that the rules ask for."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from rules.alibaba_resources import FUNCTION as FC_FUNCTION
from rules.alibaba_resources import OBJECT as OSS_OBJECT
from rules.aws_resources import FUNCTION as LAMBDA_FUNCTION
from rules.aws_resources import OBJECTS as S3_OBJECTS
from rules.edge_source import largest_body, written_headers
from rules.given import Given

_BOOTSTRAP = "bootstrap"
_MANIFEST = "manifest.json"
_LONGEST_LINE = 256
_MACHINES = {62: "x86_64", 183: "arm64"}
"""`e_machine` of an ELF file -> architecture, as both clouds call it."""
_ZIPS = (".zip", ".jar")


def zip_facts(path: object) -> dict[str, Any]:
    """Facts about any zip: its size in bytes, packed and unpacked, or why it cannot be read.

    Anything but a string gives no facts, since the argument's type is reported elsewhere.
    """
    facts = custom_runtime_facts(path)
    return {name: facts[name] for name in ("zip_error", "zip_bytes", "unpacked_bytes") if name in facts}


def custom_runtime_facts(path: object) -> dict[str, Any]:
    """The facts of `zip_facts`, and those about the zip's `bootstrap` and the architecture in its manifest."""
    if not isinstance(path, str):
        return {}
    try:
        status = Path(path).stat()
    except OSError as error:
        return {"zip_error": _reason(error)}
    return dict(_facts_of_file(path, status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=64)
def _facts_of_file(path: str, _changed: int, size: int) -> Mapping[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            return _facts(archive, size)
    except (OSError, zipfile.BadZipFile) as error:
        return {"zip_error": _reason(error)}


def source_facts(path: object, handler: object) -> dict[str, Any]:
    """What the source of the handler's module writes, where it is in the zip or, for bytecode, in the project."""
    if not isinstance(path, str) or not isinstance(handler, str) or zip_facts(path).get("zip_error", "unknown"):
        return {}
    module = handler.rpartition(".")[0].replace(".", "/") + ".py"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if module in names:
            return _source_facts(archive.read(module))
    if f"{module}c" in names and Path(module).is_file():
        return _source_facts(Path(module).read_bytes())
    return {}


def edge_facts(path: object, handler: object) -> dict[str, Any]:
    """The facts of `zip_facts`, and those about the handler's source."""
    return {**zip_facts(path), **source_facts(path, handler)}


def packages(type_: str, given: Given) -> dict[str, dict[str, Any]]:
    """What is known of the archives and zips that a resource's inputs hold, by the input's path."""
    if type_ == LAMBDA_FUNCTION:
        found = {"code": {**_archive(given.raw("code")), **_python_source(given)}}
    elif type_ in S3_OBJECTS:
        found = {"source": _zip_file(getattr(given.raw("source"), "path", None))}
    elif type_ == OSS_OBJECT:
        found = {"source": _zip_file(given.raw("source"))}
    elif type_ == FC_FUNCTION:
        found = {"code.zip_file": _zip_text(given.raw("code.zip_file"))}
    else:
        return {}
    return {path: facts for path, facts in found.items() if facts}


def sha256_of(path: str) -> str:
    """SHA-256 of a file in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _archive(code: object) -> dict[str, Any]:
    """An archive of Lambda's: a zip goes there as it is; a folder or single assets are packed by Pulumi."""
    if isinstance(code, pulumi.FileArchive):
        path = str(code.path)
        return {"archive": "file", **_zip_file(path)} if path.endswith(_ZIPS) else _folder(Path(path))
    if isinstance(code, pulumi.AssetArchive):
        return {"archive": "tree", "has_bootstrap": _BOOTSTRAP in code.assets}
    return {}


def _python_source(given: Given) -> dict[str, Any]:
    if not str(given.get("runtime")).startswith("python"):
        return {}
    return source_facts(getattr(given.raw("code"), "path", None), given.get("handler"))


def _folder(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        return {"archive": "tree"}
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return {"archive": "tree", "unpacked_bytes": size, "has_bootstrap": (path / _BOOTSTRAP).is_file()}


def _zip_file(path: object) -> dict[str, Any]:
    if not isinstance(path, str) or not path.endswith(_ZIPS):
        return {}
    return {"zip_path": path, **custom_runtime_facts(path)}


def _zip_text(text: object) -> dict[str, Any]:
    """A zip in base64."""
    if not isinstance(text, str):
        return {}
    try:
        content = base64.b64decode(text, validate=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _facts(archive, len(content))
    except (binascii.Error, zipfile.BadZipFile) as error:
        return {"zip_path": "base64", "zip_error": _reason(error)}


def _facts(archive: zipfile.ZipFile, size: int) -> dict[str, Any]:
    unpacked = sum(entry.file_size for entry in archive.infolist())
    sizes = {"zip_error": "", "zip_bytes": size, "unpacked_bytes": unpacked}
    return {**sizes, **_bootstrap(archive), **_architecture(archive)}


def _bootstrap(archive: zipfile.ZipFile) -> dict[str, Any]:
    if _BOOTSTRAP not in archive.namelist():
        return {"has_bootstrap": False, "bootstrap_mode": 0}
    with archive.open(_BOOTSTRAP) as file:
        head = file.read(_LONGEST_LINE)
    mode = (archive.getinfo(_BOOTSTRAP).external_attr >> 16) & 0o7777
    first_line = head[: head.find(b"\n") + 1] or head
    machine = _MACHINES.get(int.from_bytes(head[18:20], "little")) if head.startswith(b"\x7fELF") else None
    facts = {"has_bootstrap": True, "bootstrap_mode": mode, "bootstrap_first_line": first_line}
    return {**facts, "bootstrap_machine": machine} if machine else facts


def _architecture(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The architecture in the manifest of a zip of ours; another program's `manifest.json` says nothing."""
    if _MANIFEST not in archive.namelist():
        return {}
    try:
        manifest = json.loads(archive.read(_MANIFEST))
    except ValueError:
        return {}
    architecture = manifest.get("architecture") if isinstance(manifest, dict) else None
    return {"zip_architecture": architecture} if architecture else {}


def _source_facts(source: bytes) -> dict[str, Any]:
    text = source.decode("utf-8", errors="replace")
    return {"handler_headers": written_headers(text), "body_bytes": largest_body(text)}


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)

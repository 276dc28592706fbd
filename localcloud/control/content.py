"""The bytes behind assets and archives. Paths are relative to the engine's working directory, as Pulumi has them."""

from __future__ import annotations

import hashlib
import io
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcloud.control.kind import CloudError
from localcloud.control.wire import Archive, Asset

_PULUMI_DATE = (1990, 1, 1, 0, 0, 0)
_DOS = 0


def archive_bytes(archive: Archive) -> bytes:
    """The zip that an upload of the archive sends.

    A finished archive goes as it is; a folder or named assets are packed as Pulumi packs them, which loses every
    file mode (Pulumi issue 3593), so that what would not start in the cloud does not start here either.
    Raises CloudError.
    """
    if archive.assets is None and archive.path and not Path(archive.path).is_dir():
        data = _file_bytes(archive.path)
        if archive.hash and hashlib.sha256(data).hexdigest() != archive.hash:
            raise CloudError(
                "ArchiveChanged", f"the archive {archive.path} changed while it was deployed: run it again"
            )
        return data
    if archive.uri:
        return _uri_bytes(archive.uri)
    return _packed(dict(_members(archive)))


def asset_bytes(asset: Asset) -> bytes:
    """The bytes of a file or text asset; raises CloudError."""
    if asset.text is not None:
        return asset.text.encode()
    return _file_bytes(asset.path) if asset.path else _uri_bytes(asset.uri or "")


def unzipped_size(data: bytes) -> int | None:
    """The sum of a zip's unpacked files in bytes; None when the data is no readable zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return None


def _members(archive: Archive, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    if archive.assets is not None:
        for name, item in archive.assets.items():
            yield from _member(f"{prefix}{name}", item)
    elif archive.path:
        root = Path(archive.path)
        for file in sorted(root.rglob("*")):
            if file.is_file():
                yield f"{prefix}{file.relative_to(root).as_posix()}", file.read_bytes()


def _member(name: str, item: Any) -> Iterator[tuple[str, bytes]]:
    if isinstance(item, Archive):
        yield from _members(item, f"{name}/")
    else:
        yield name, asset_bytes(item)


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _PULUMI_DATE)
            entry.create_system = _DOS
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _file_bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CloudError("FileNotFound", f"reading {path}: {error.strerror or error}") from error


def _uri_bytes(uri: str) -> bytes:
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme != "file":
        raise CloudError("RemoteContent", f"the local clouds fetch nothing from the network: {uri}; use a local file")
    return _file_bytes(urllib.parse.unquote(parts.path))

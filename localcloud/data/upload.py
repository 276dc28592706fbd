"""An upload to OSS with the account's own key, as the owner of a bucket would do it, and what it sets going."""

from __future__ import annotations

import http.client
import mimetypes
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from multidict import CIMultiDict

from localcloud.events import BUCKET
from localcloud.store import Store

from . import lifecycle
from .alibaba.fc.function import log_group
from .alibaba.oss import signature as oss_signature
from .alibaba.oss.access import bucket_name, bucket_region
from .keyring import account_keys
from .logs import shown
from .messages import Request

_POLL_SECONDS = 0.1
_PULSE_SECONDS = 3.0
_PLATFORM = "async"
"""The stream of the lines that Function Compute writes itself."""
_STARTED = re.compile(r"FC Async Invoke RequestId: (\S+) attempt \d+ of \d+ started \((.*)\)")
_ENDED = re.compile(r"FC Async Invoke RequestId: (\S+) (?:attempt \d+ of \d+ (succeeded)|(dropped))")


class UploadError(Exception):
    """The upload was refused, or nobody waited for it; the message is one sentence."""


def upload(store: Store, port: int, bucket: str, key: str, file: Path) -> None:
    """PUT a file as an object, signed with version 4; raises UploadError."""
    resource = store.get(BUCKET, bucket)
    if resource is None:
        known = ", ".join(other.id for other in store.list(BUCKET)) or "none"
        raise UploadError(f"There is no bucket {bucket!r} in the local clouds (known: {known}).")
    region = bucket_region(resource)
    host = f"{bucket_name(resource)}.oss-{region}.aliyuncs.com"
    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    try:
        size = str(file.stat().st_size)
    except OSError as error:
        raise UploadError(f"The file {file} cannot be read: {error.strerror}.") from error
    headers = CIMultiDict({"Host": host, "Content-Type": kind, "Content-Length": size})
    request = Request("PUT", host, f"/{quote(key)}", headers=headers)
    oss_signature.sign(request, account_keys(store.root)["alibaba"], bucket, key, region)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        with file.open("rb") as body:
            connection.request("PUT", request.path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            told = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise UploadError("The local data plane does not answer; start it with `make up`.") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise UploadError(f"OSS refused the upload ({answer.status}): {told}")


def position(store: Store, function: str) -> int:
    """Where the log of an FC function ends now."""
    return max((line.number for line in store.read_logs(log_group(function))), default=0)


def follow(store: Store, function: str, after: int, bucket: str, key: str) -> Iterator[str]:
    """What a function logs from a position on, until the invocation that an upload started has ended.

    Raises UploadError when the upload has started nothing, and when the function gave up.
    """
    object_, waiting, pulse = f"oss://{bucket}/{key}", "", time.monotonic()
    while True:
        queued = {invocation.cause for invocation in store.queued()}
        lines = store.read_logs(log_group(function), after)
        for line in lines:
            after = line.number
            yield shown(line.message)
            if line.stream != _PLATFORM:
                continue
            started, ended = _STARTED.match(line.message), _ENDED.match(line.message)
            if started and started[2].endswith(object_):
                waiting = started[1]
            elif ended and ended[1] == waiting:
                if ended[3]:
                    raise UploadError(f"{function} failed on {object_}.")
                return
        if not waiting and not any(cause.endswith(object_) for cause in queued):
            raise UploadError(f"Nothing was started by {object_}: no trigger of {function} waits for it.")
        if time.monotonic() - pulse > _PULSE_SECONDS:
            pulse = time.monotonic()
            _require_data_plane(store)
        time.sleep(_POLL_SECONDS)


def _require_data_plane(store: Store) -> None:
    if lifecycle.find(store.root) is None:
        raise UploadError("The local data plane has ended meanwhile; start it with `make up`.")

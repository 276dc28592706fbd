"""What is to be built and where it goes: the event and the function's settings, checked.

The shape of a trigger's event: Function Compute, "Formats of event for different triggers".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from handlers.site_build.problem import SiteBuildError

_FIELDS = ("source", "site", "command", "output", "env", "prune", "force")
_TRIGGERS = ("ObjectCreated:PutObject", "ObjectCreated:PostObject", "ObjectCreated:CompleteMultipartUpload")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = {"PATH", "HOME", "TMPDIR", "PWD", "SHELL", "USER", "LOGNAME", "LANG", "CI", "IFS", "ENV", "BASH_ENV"}
_RESERVED_STARTS = ("ALIBABA_CLOUD_", "ALICLOUD_", "AWS_", "FC_", "OSS_", "CDN_", "SITE_", "LD_", "npm_", "NPM_")
_FORMAT = 1
"""Part of the fingerprint: raised when the same source would be published in another way."""


@dataclass(frozen=True)
class Place:
    """An object, or with a key that is empty or ends in a slash, a folder of a bucket."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Order:
    """One build."""

    source: Place
    site: Place
    event_id: str
    """The same on every retry of the event."""
    command: str = ""
    output: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    prune: bool = False
    force: bool = False
    url: str = ""
    """Where the site is seen, ends in a slash; empty when no cache stands in front."""

    def fingerprint(self, etag: str) -> str:
        """SHA-256 (hex) of all that the published files depend on."""
        facts = [_FORMAT, str(self.source), etag, self.command, self.output, sorted(self.env.items()), str(self.site)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def parse(event: Any, environ: Mapping[str, str], request_id: str) -> Order:
    """Check an event against the function's settings in `environ`; raises SiteBuildError."""
    if not isinstance(event, dict):
        raise _wrong("event", event, 'a JSON object with "source", or an OSS trigger event')
    event_id = request_id
    if "events" in event:
        event, event_id = _of_trigger(event["events"], request_id)
    unknown = sorted(map(str, event.keys() - set(_FIELDS)))
    if unknown:
        raise _wrong("field of the event", unknown[0], f"one of {', '.join(_FIELDS)}")
    source = _pair(event.get("source"), "source", "key")
    if not source.key or source.key.endswith("/"):
        raise _wrong("source.key", source.key, "the name of a .zip or .tar.gz object")
    site = _site(event, environ)
    return Order(
        source=source,
        site=site,
        event_id=event_id,
        command=_text(event, "command"),
        output=_output(_text(event, "output")),
        env=_env(event.get("env", {})),
        prune=_flag(event, "prune", default=_setting_flag(environ, "SITE_PRUNE")),
        force=_flag(event, "force", default=False),
        url=_url_of(site, environ),
    )


def _of_trigger(events: Any, request_id: str) -> tuple[dict[str, Any], str]:
    if not isinstance(events, list) or len(events) != 1:
        raise _wrong("events", f"{len(events)} events" if isinstance(events, list) else events, "a list of one event")
    try:
        name, oss = events[0]["eventName"], events[0]["oss"]
        source = {"bucket": oss["bucket"]["name"], "key": oss["object"]["key"]}
        answered = events[0].get("responseElements") or {}
        event_id = answered.get("requestId") or request_id
    except (KeyError, TypeError, AttributeError):
        raise _wrong(
            "events[0]", events[0], "an OSS event with eventName, oss.bucket.name and oss.object.key"
        ) from None
    if name not in _TRIGGERS:
        raise _wrong(
            "eventName", name, f"{', '.join(_TRIGGERS)}: others fire more than once, or before the object is whole"
        )
    return {"source": source}, str(event_id)


def _site(event: Mapping[str, Any], environ: Mapping[str, str]) -> Place:
    if "site" in event:
        site = _pair(event["site"], "site", "prefix")
    else:
        site = Place(environ.get("SITE_BUCKET", ""), environ.get("SITE_PREFIX", ""))
    if not site.bucket:
        raise _wrong("SITE_BUCKET", "", "the name of the site's bucket, unless the event names one in site.bucket")
    prefix = _as_folder(site.key)
    if prefix.startswith("/") or {".", ".."} & set(prefix.split("/")) or len(prefix.encode()) > 512:
        raise _wrong("site.prefix", site.key, "empty or a folder such as shop/, without a leading slash")
    return Place(site.bucket, prefix)


def _as_folder(prefix: str) -> str:
    return f"{prefix.rstrip('/')}/" if prefix else ""


def _pair(value: Any, name: str, key: str) -> Place:
    wanted = f'an object such as {{"bucket": "my-bucket", "{key}": "…"}}'
    if not isinstance(value, dict) or value.keys() - {"bucket", key}:
        raise _wrong(name, value, wanted)
    bucket, path = value.get("bucket"), value.get(key, "")
    if (
        not isinstance(path, str)
        or not isinstance(bucket, str)
        or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,62}", bucket)
        or not _is_unicode(path)
    ):
        raise _wrong(name, value, wanted)
    return Place(bucket, path)


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name, "")
    if not isinstance(value, str) or len(value) > 4096 or "\0" in value or not _is_unicode(value):
        raise _wrong(name, value, "a text of at most 4,096 characters")
    return value.strip()


def _output(value: str) -> str:
    parts = value.rstrip("/").split("/") if value else []
    if any(part in {"", ".", ".."} for part in parts):
        raise _wrong("output", value, "a folder inside the project, such as dist")
    return "/".join(parts)


def _env(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(
        isinstance(item, str) and "\0" not in item and _is_unicode(item) for item in value.values()
    ):
        raise _wrong("env", value, "an object of texts")
    for name in value:
        if not _NAME.fullmatch(name) or name in _RESERVED or name.startswith(_RESERVED_STARTS):
            raise _wrong("name in env", name, "a variable's name that neither the platform, npm nor the shell uses")
    return dict(value)


def _flag(event: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = event.get(name, default)
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _setting_flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "") or "false"
    if value not in {"true", "false"}:
        raise _wrong(name, value, "true or false")
    return value == "true"


def _is_unicode(value: str) -> bool:
    """Whether it can be sent: JSON may hold half of a surrogate pair."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _url_of(site: Place, environ: Mapping[str, str]) -> str:
    """Where this site is seen: SITE_URL shows the settings' own place, and what an event names may lie below it."""
    url, shown = _url(environ.get("SITE_URL", "")), _as_folder(environ.get("SITE_PREFIX", ""))
    if not url or site.bucket != environ.get("SITE_BUCKET", "") or not site.key.startswith(shown):
        return ""
    return url + quote(site.key.removeprefix(shown))


def _url(value: str) -> str:
    parts = urlsplit(value)
    if value and (
        parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or not value.endswith("/")
    ):
        raise _wrong("SITE_URL", value, "empty or an address such as https://www.example.com/")
    return value


def _wrong(what: str, value: Any, accepts: str) -> SiteBuildError:
    shown = repr(value)
    shown = shown if len(shown) <= 200 else f"{shown[:200]}…"
    return SiteBuildError(f"{what} is {shown}, but must be {accepts}; correct it and send the event again.")

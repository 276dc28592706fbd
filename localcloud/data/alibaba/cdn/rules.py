"""The configured functions of a CDN domain, and how long they let it keep a response.

Source: Alibaba Cloud CDN documentation, "Parameters for configuring features for domain names", "Add a cache rule",
"Configure TTL for HTTP status codes".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase

from multidict import CIMultiDict

from localcloud.data.cache import directives, origin_ttl
from localcloud.data.messages import Response

_BRIEFLY = frozenset({204, 305, 404, 405, 414, 424, 429, 500, 501, 502, 503, 504})
"""Kept for a second when neither a rule nor the origin says anything."""
_IF_TOLD = frozenset({302, 307, 403})
"""Kept only when a rule or the origin says so; other errors only by a rule."""
_NEVER = frozenset({303, 304, 401, 407})


@dataclass(frozen=True)
class Configuration:
    """The configured functions of a domain: name and arguments, one entry a configuration."""

    functions: tuple[tuple[str, dict[str, str]], ...]

    def all(self, name: str) -> list[dict[str, str]]:
        return [arguments for function, arguments in self.functions if function == name]

    def value(self, name: str, argument: str) -> str:
        """The argument of the first configuration with that name, or an empty string."""
        return next((arguments.get(argument, "") for arguments in self.all(name)), "")


def time_to_live(path: str, response: Response, configuration: Configuration) -> float:
    """Seconds to keep a response: the origin's refusal to be cached, then the rules by weight, then the origin.

    Source: Alibaba Cloud CDN documentation, "Add a cache rule". Without any word from rules or origin a tenth of
    the age since Last-Modified counts, between 10 s and an hour.
    """
    if response.status != 200:
        return _of_status(path, response, configuration)
    if "Set-Cookie" in response.headers:
        return 0
    rule = _rule(path, configuration)
    refused = bool({"no-cache", "no-store", "private"} & directives(response.headers).keys())
    if refused and not (rule and rule.get("swift_no_cache_low") == "on"):
        return 0
    asked = origin_ttl(response.headers)
    if rule and not (asked is not None and rule.get("swift_origin_cache_high") == "on"):
        return float(rule["ttl"])
    return asked if asked is not None else _guess(response.headers)


def _rule(path: str, configuration: Configuration) -> dict[str, str] | None:
    extension = _extension(path)
    found = [rule for rule in configuration.all("path_based_ttl_set") if _under(path, rule["path"])]
    found += [
        rule
        for rule in configuration.all("filetype_based_ttl_set")
        if extension in rule["file_type"].lower().split(",")
    ]
    return max(found, key=lambda rule: int(rule.get("weight") or 1), default=None)


def _of_status(path: str, response: Response, configuration: Configuration) -> float:
    """Seconds to keep anything but a 200: the rules for codes, then the origin, then a second for some."""
    status = response.status
    if status in _NEVER:
        return 0
    told = [rule["code_string"] for rule in configuration.all("path_force_ttl_code") if _under(path, rule["path"])]
    told += [
        rule["code_string"]
        for rule in configuration.all("filetype_force_ttl_code")
        if _extension(path) in rule["file_type"].lower().split(",")
    ]
    told += [rule["default_ttl_code"] for rule in configuration.all("default_ttl_code")]
    pairs = (pair.strip().partition("=") for text in told[:1] for pair in text.split(","))
    codes = {code: seconds for code, _, seconds in pairs}
    seconds = codes.get(str(status)) or codes.get(f"{status // 100}xx")
    if seconds is not None and seconds.isdigit():
        return float(seconds)
    if "Set-Cookie" in response.headers or status not in _BRIEFLY | _IF_TOLD:
        return 0
    if {"no-cache", "no-store", "private"} & directives(response.headers).keys():
        return 0
    asked = origin_ttl(response.headers)
    return asked if asked is not None else float(status in _BRIEFLY)


def _extension(path: str) -> str:
    return path.rpartition(".")[2].lower() if "." in path.rpartition("/")[2] else ""


def _under(path: str, pattern: str) -> bool:
    if "*" in pattern:
        return fnmatchcase(path, pattern)
    return path == pattern or path.startswith(pattern.rstrip("/") + "/")


def _guess(headers: CIMultiDict[str]) -> float:
    if "Last-Modified" in headers:
        age = time.time() - parsedate_to_datetime(headers["Last-Modified"]).timestamp()
        return min(max(age * 0.1, 10), 3600)
    return 10 if "ETag" in headers else 0

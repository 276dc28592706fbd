"""Physical names for resources that Pulumi does not name by itself."""

from __future__ import annotations

import hashlib
import re

RESOURCE_NAME_LENGTH = 48
"""Leaves room in the 64 characters of a RAM role or an FC function for what tells one from another."""
BUCKET_NAME_LENGTH = 63
"""Longest name of an OSS bucket and of a Log Service project."""

_DIGEST_LENGTH = 8


def physical_name(*parts: str, limit: int, unique_in: str = "") -> str:
    """A name that is the same for the same parts and differs for other parts, at most `limit` characters long.

    It consists of lower-case letters, digits and single hyphens, begins with a letter, and ends with a digest of
    the parts as they were given, so that neither shortening nor replacing characters makes two names one. For names
    that all accounts of a cloud share, `unique_in` (the account's id) goes into the digest without being shown.
    """
    digest = hashlib.sha256("\0".join([unique_in, *parts]).encode()).hexdigest()[:_DIGEST_LENGTH]
    plain = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
    lettered = plain if plain[:1].isalpha() else f"p-{plain}"
    kept = lettered[: limit - _DIGEST_LENGTH - 1].strip("-")
    return f"{kept}-{digest}"

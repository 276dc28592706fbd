"""Access keys of the local clouds: the account's own, and those that a cloud hands to roles and services."""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import string
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

AWS_ACCOUNT = "123456789012"
ALIBABA_ACCOUNT = "1234567890123456"
AWS_ROOT = f"arn:aws:iam::{AWS_ACCOUNT}:root"
ALIBABA_ROOT = f"acs:ram::{ALIBABA_ACCOUNT}:root"

FILE_NAME = "credentials.json"
_ALPHABET = string.ascii_uppercase + string.digits


@dataclass(frozen=True)
class Principal:
    """Who signed a request."""

    arn: str
    service: str = ""
    """Service principal, such as `cloudfront.amazonaws.com`; empty for a user or role."""
    source_arn: str = ""
    """The resource on whose behalf a service acts."""


@dataclass(frozen=True)
class AccessKey:
    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    """Session token of a temporary key."""
    expires: float = math.inf
    """Seconds since the epoch."""

    @property
    def expired(self) -> bool:
        return time.time() >= self.expires


class Keyring:
    """Every access key that a request may be signed with, and whose it is."""

    def __init__(self, root: Path) -> None:
        account = account_keys(root)
        self._keys: dict[str, tuple[AccessKey, Principal]] = {}
        self._keys[account["aws"].id] = (account["aws"], Principal(AWS_ROOT))
        self._keys[account["alibaba"].id] = (account["alibaba"], Principal(ALIBABA_ROOT))

    def issue(self, principal: Principal, prefix: str = "ASIA", seconds: float = math.inf) -> AccessKey:
        """A new temporary key of a principal, valid for so long and no longer than this process runs."""
        expires = time.time() + seconds
        key = AccessKey(prefix + _random(16), secrets.token_urlsafe(30), secrets.token_urlsafe(120), expires)
        self._keys[key.id] = (key, principal)
        return key

    def revoke(self, key: AccessKey) -> None:
        self._keys.pop(key.id, None)

    def find(self, key_id: str) -> tuple[AccessKey, Principal] | None:
        return self._keys.get(key_id)


def account_keys(root: Path) -> dict[str, AccessKey]:
    """The two account keys (`aws`, `alibaba`) of a folder, made at the first call and readable by the owner only."""
    path = root / FILE_NAME
    if not path.exists():
        made = {
            "aws": {"id": "AKIA" + _random(16), "secret": secrets.token_urlsafe(30)},
            "alibaba": {"id": "LTAI" + _random(20), "secret": secrets.token_urlsafe(22)},
        }
        with tempfile.NamedTemporaryFile("w", dir=root) as whole, contextlib.suppress(FileExistsError):
            json.dump(made, whole)
            whole.flush()
            path.hardlink_to(whole.name)
    return {cloud: AccessKey(**key) for cloud, key in json.loads(path.read_text()).items()}


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))

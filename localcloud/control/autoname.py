"""Physical names for resources that were given none: the resource's name, a hyphen and seven random characters.

Source: Pulumi documentation, "Resource names: auto-naming", and the bridge's rule that a name too long for the type
is refused.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_RANDOM_CHARACTERS = 7

Mode = Literal["PROPOSE", "ENFORCE", "DISABLE"]


class NameRefusedError(Exception):
    """No name can be made: it would be too long, or the project switched auto-naming off."""


@dataclass(frozen=True)
class Autoname:
    """Which property of a type is named, and how long a name may be."""

    property: str
    max_length: int
    lower_case: bool = False
    random: bool = True
    """Without random characters the name is the resource's own."""


@dataclass(frozen=True)
class Proposal:
    """What the engine asks for when the project configures `pulumi:autonaming`."""

    name: str
    mode: Mode


def automatic_name(rule: Autoname, resource_name: str, seed: bytes, proposal: Proposal | None) -> str:
    """A name that is the same for the same seed (the engine's random seed of this operation).

    Raises NameRefusedError.
    """
    if proposal and proposal.mode == "DISABLE":
        raise NameRefusedError(f"automatic naming is disabled but {rule.property!r} is not given")
    if proposal and (proposal.mode == "ENFORCE" or proposal.name):
        return _fitting(proposal.name, rule)
    stem = resource_name.lower() if rule.lower_case else resource_name
    if not rule.random:
        return _fitting(stem, rule)
    random = hashlib.sha256(seed + resource_name.encode()).hexdigest() if seed else secrets.token_hex()
    return _fitting(f"{stem}-{random[:_RANDOM_CHARACTERS]}", rule)


def kept_name(rule: Autoname, olds: Mapping[str, Any]) -> str | None:
    """The automatic name that the resource already has."""
    return olds.get(rule.property) if rule.property in olds.get("__defaults", ()) else None


def _fitting(name: str, rule: Autoname) -> str:
    if len(name) > rule.max_length:
        raise NameRefusedError(
            f"name {name!r} is {len(name)} characters long, the maximum for {rule.property!r} is {rule.max_length}: "
            f"give the resource a shorter name or set {rule.property!r}"
        )
    return name

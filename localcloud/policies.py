"""Policy documents of RAM and IAM, and their statements against one call: both have the same grammar.

Source: RAM user guide, "Policy elements"; IAM User Guide, "IAM JSON policy elements". That RAM compares the names of
actions without regard to case is in no document of ours.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """What somebody wants to do."""

    action: str
    """Such as `oss:GetObject`."""
    resource: str
    """Such as `acs:oss:cn-hongkong:<account>:bucket/key`."""
    conditions: Mapping[str, str]
    """Condition keys of the request, such as `oss:Prefix`; a key that is not there has no value."""


@dataclass(frozen=True)
class Verdict:
    """Whether a call is allowed, and whether a statement denies it in so many words."""

    allowed: bool
    denied: bool = False


def judge(statements: Iterable[dict[str, Any]], call: Call) -> Verdict:
    """What statements say of a call: a Deny wins, and what nobody allows is not allowed."""
    effects = {str(statement.get("Effect")) for statement in statements if _applies(statement, call)}
    return Verdict("Allow" in effects and "Deny" not in effects, "Deny" in effects)


def _applies(statement: dict[str, Any], call: Call) -> bool:
    deny = statement.get("Effect") == "Deny"
    return (
        _covers(statement, "Action", lambda pattern: _like(call.action.lower(), pattern.lower()))
        and _covers(statement, "Resource", lambda pattern: _is_resource(call.resource, pattern))
        and all(
            _holds(operator, str(key), [str(item) for item in listed(wanted)], call.conditions, unknown=deny)
            for operator, pairs in (statement.get("Condition") or {}).items()
            for key, wanted in pairs.items()
        )
    )


def _covers(statement: dict[str, Any], name: str, fits: Callable[[str], bool]) -> bool:
    if f"Not{name}" in statement:
        return not any(fits(str(pattern)) for pattern in listed(statement[f"Not{name}"]))
    return any(fits(str(pattern)) for pattern in listed(statement.get(name)))


def _is_resource(resource: str, pattern: str) -> bool:
    """OSS policies name a region as `cn-hongkong` or as `oss-cn-hongkong`."""
    other = re.sub(r"^acs:oss:(?!oss-)", "acs:oss:oss-", resource)
    return _like(resource, pattern) or _like(other, pattern)


def _like(value: str, pattern: str) -> bool:
    """`*` stands for any text and `?` for one character; nothing else is special."""
    translated = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(translated, value, re.DOTALL) is not None


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnLike": _like,
    "ArnEquals": _like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "IpAddress": lambda value, wanted: ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False),
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
    "DateLessThan": lambda value, wanted: value < wanted,
    "DateLessThanEquals": lambda value, wanted: value <= wanted,
    "DateGreaterThan": lambda value, wanted: value > wanted,
    "DateGreaterThanEquals": lambda value, wanted: value >= wanted,
}
_OPPOSITES = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotLike": "ArnLike",
    "ArnNotEquals": "ArnEquals",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
}


def _holds(operator: str, key: str, wanted: list[str], given: Mapping[str, str], *, unknown: bool) -> bool:
    """One condition. What is not known here never opens a door: it fits a Deny and no Allow."""
    positive = _OPPOSITES.get(operator, operator)
    test = _TESTS.get(positive)
    if test is None:
        return unknown
    value = next((value for name, value in given.items() if name.lower() == key.lower()), None)
    met = value is not None and any(test(value, item) for item in wanted)
    return met == (positive == operator)


def trusts(document: Any, service: str) -> bool:
    """Whether a trust policy lets a service principal, such as `lambda.amazonaws.com`, assume the role."""
    return any(
        statement.get("Effect") == "Allow"
        and {"sts:AssumeRole", "sts:*", "*"} & set(listed(statement.get("Action")))
        and service in principals(statement, "Service")
        for statement in statements(document)
    )


def statements(document: Any) -> list[dict[str, Any]]:
    """The statements of a policy, given as text or as its value; what is no policy has none."""
    try:
        value = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return []
    found = listed(value.get("Statement")) if isinstance(value, dict) else []
    return [statement for statement in found if isinstance(statement, dict)]


def principals(statement: dict[str, Any], kind: str) -> list[str]:
    """The principals of a kind (`Service`, `AWS`, `RAM`) that a statement names."""
    principal = statement.get("Principal")
    return [str(item) for item in listed(principal.get(kind))] if isinstance(principal, dict) else []


def listed(value: Any) -> list[Any]:
    """A list, or the one value that a policy may have in its place."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

"""What a RAM role may do: the policies attached to it, statement by statement.

Source: RAM user guide, "Policy elements" and "Policy structure and syntax"; OSS user guide, "RAM Policy". That the
names of actions are compared without regard to case is in no document of ours.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.store import Resource, Store

ROLE = "alicloud:ram/role:Role"
POLICY = "alicloud:ram/policy:Policy"
ATTACHMENT = "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"

_SYSTEM_POLICIES = {
    "AdministratorAccess": ["*"],
    "AliyunOSSFullAccess": ["oss:*"],
    "AliyunOSSReadOnlyAccess": ["oss:Get*", "oss:List*"],
    "AliyunCDNFullAccess": ["cdn:*"],
    "AliyunCDNReadOnlyAccess": ["cdn:Describe*"],
    "AliyunFCFullAccess": ["fc:*"],
    "AliyunFCInvocationAccess": ["fc:InvokeFunction"],
}
"""Actions of the system policies that are known here, each on every resource; others grant nothing."""


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


def judge(store: Store, role_arn: str, call: Call) -> Verdict:
    """What the policies of a role say of a call; a role that does not exist may do nothing."""
    role = next((item for item in store.list(ROLE) if _same_arn(item, role_arn)), None)
    statements = list(_statements(store, role)) if role else []
    effects = {str(statement.get("Effect")) for statement in statements if _applies(statement, call)}
    return Verdict("Allow" in effects and "Deny" not in effects, "Deny" in effects)


def trusts(role: Resource, service: str) -> bool:
    """Whether a role lets a service, such as `oss.aliyuncs.com`, assume it."""
    document = _parsed(role.properties.get("assumeRolePolicyDocument") or role.properties.get("document"))
    return any(
        statement.get("Effect") == "Allow"
        and {"sts:AssumeRole", "sts:*", "*"} & set(_listed(statement.get("Action")))
        and isinstance(statement.get("Principal"), dict)
        and service in _listed(statement["Principal"].get("Service"))
        for statement in _listed(document.get("Statement"))
    )


def find_role(store: Store, arn: str) -> Resource | None:
    return next((role for role in store.list(ROLE) if _same_arn(role, arn)), None)


def _same_arn(role: Resource, arn: str) -> bool:
    name = arn.rpartition("/")[2].lower()
    return str(role.properties.get("roleName") or role.id).lower() == name


def _statements(store: Store, role: Resource) -> Iterator[dict[str, Any]]:
    for attachment in store.find(ATTACHMENT, roleName=role.properties.get("roleName") or role.id):
        name = str(attachment.properties["policyName"])
        if attachment.properties.get("policyType") == "System":
            yield {"Effect": "Allow", "Action": _SYSTEM_POLICIES.get(name, []), "Resource": "*"}
            continue
        policy = store.get(POLICY, name)
        if policy is not None:
            document = _parsed(policy.properties.get("policyDocument") or policy.properties.get("document"))
            yield from _listed(document.get("Statement"))


def _applies(statement: dict[str, Any], call: Call) -> bool:
    deny = statement.get("Effect") == "Deny"
    return (
        _covers(statement, "Action", lambda pattern: _like(call.action.lower(), pattern.lower()))
        and _covers(statement, "Resource", lambda pattern: _is_resource(call.resource, pattern))
        and all(
            _holds(operator, str(key), [str(item) for item in _listed(wanted)], call.conditions, unknown=deny)
            for operator, pairs in (statement.get("Condition") or {}).items()
            for key, wanted in pairs.items()
        )
    )


def _covers(statement: dict[str, Any], name: str, fits: Callable[[str], bool]) -> bool:
    if f"Not{name}" in statement:
        return not any(fits(str(pattern)) for pattern in _listed(statement[f"Not{name}"]))
    return any(fits(str(pattern)) for pattern in _listed(statement.get(name)))


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


def _parsed(document: Any) -> dict[str, Any]:
    try:
        value = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

"""Policy documents of IAM, RAM and buckets: when two mean the same, whether one is public, what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from localcloud.policies import listed, principals, statements

_LISTED = frozenset({"Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Statement"})


def equivalent(old: str, new: str) -> bool:
    """Whether two policy texts mean the same: order of lists and one-item lists do not count.

    Source: AWS provider, `SuppressEquivalentPolicyDiffs`.
    """
    try:
        return _canonical(json.loads(old or "{}")) == _canonical(json.loads(new or "{}"))
    except ValueError:
        return False


def is_public(document: str) -> bool:
    """Whether a bucket policy grants anything to everyone without a condition."""
    return any(
        statement.get("Effect") == "Allow" and not statement.get("Condition") and _is_everyone(statement)
        for statement in statements(document)
    )


def text_problem(document: Any) -> str | None:
    """Why a text is no policy document, in the AWS provider's words (`ValidIAMPolicyJSON`); None when it is one."""
    if document == "":
        return "is an empty string, which is not a valid JSON value"
    problem = "contains an invalid JSON policy"
    if document[:1].isspace():
        return f"{problem}: leading space characters are not allowed"
    try:
        value = json.loads(document, object_pairs_hook=_no_duplicates)
    except _DuplicateKeyError as error:
        return f"contains duplicate JSON keys: duplicate key {error}"
    except ValueError as error:
        return f"{problem}: {error}"
    if isinstance(value, str):
        return f"{problem}: contains a JSON-encoded string, not a JSON-encoded object"
    if isinstance(value, list):
        return f"{problem}: contains a JSON array, not a JSON object"
    return None if isinstance(value, dict) else problem


def grammar_problem(document: str, version: str, *, trust: bool) -> str | None:
    """What AWS IAM says about a policy's grammar (`MalformedPolicyDocument`); None when it is right."""
    value = json.loads(document)
    if value.get("Version", version) not in (version, "2008-10-17"):
        return f"Policy document must be version {version} or greater."
    found = statements(value)
    if not found or any(item.get("Effect") not in ("Allow", "Deny") for item in found):
        return "Syntax errors in policy."
    return next((problem for item in found for problem in _statement_problems(item, trust=trust)), None)


def _statement_problems(statement: dict[str, Any], *, trust: bool) -> Iterator[str]:
    present = {name.removeprefix("Not") for name in statement}
    if trust and "Resource" in present:
        yield "Has prohibited field Resource"
    if not trust and "Principal" in present:
        yield "Policy document should not specify a principal."
    for needed in ("Principal", "Action") if trust else ("Action",):
        if needed not in present:
            yield f"Missing required field {needed}"
    if not trust and "Resource" not in present:
        yield "Policy statement must contain resources."
    yield from _member_problems(statement, trust=trust)


def _member_problems(statement: dict[str, Any], *, trust: bool) -> Iterator[str]:
    for action in listed(statement.get("Action")):
        if action != "*" and ":" not in action:
            yield "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    for resource in () if trust else listed(statement.get("Resource")):
        if resource != "*" and not resource.startswith("arn:"):
            yield f'Resource {resource} must be in ARN format or "*".'
    for service in principals(statement, "Service"):
        if not service.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            yield f'Invalid principal in policy: "SERVICE":"{service}"'


class _DuplicateKeyError(Exception):
    """A JSON object has a key twice."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKeyError(repr(key))
        result[key] = value
    return result


def _canonical(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _canonical(item, name) for name, item in value.items()}
    if isinstance(value, list):
        items = sorted((_canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
        return items[0] if len(items) == 1 else items
    # A number or truth value in a condition is the same as its text.
    return str(value).lower() if isinstance(value, bool | int | float) and key not in _LISTED else value


def _is_everyone(statement: dict[str, Any]) -> bool:
    return statement.get("Principal") == "*" or "*" in principals(statement, "AWS")

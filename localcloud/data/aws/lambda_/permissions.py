"""Who may call a function URL: the resource-based policy of the function, statement by statement."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from localcloud.data.keyring import AWS_ROOT, Principal
from localcloud.store import Store

PERMISSION = "aws:lambda/permission:Permission"

_ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
"""Both are needed (Lambda Developer Guide, "Control access to Lambda function URLs")."""


def may_call_url(store: Store, function: str, qualifier: str, auth_type: str, caller: Principal | None) -> bool:
    """Whether a caller (None: not signed) has both permissions on the function and qualifier of a URL.

    The account itself is allowed by its own identity; identity-based policies of roles are not evaluated, a
    role needs a permission of the function.
    """
    if caller is not None and caller.arn == AWS_ROOT:
        return True
    statements = [resource.properties for resource in store.list(PERMISSION)]
    relevant = [statement for statement in statements if _about(statement, function, qualifier)]
    return all(any(_allows(statement, action, auth_type, caller) for statement in relevant) for action in _ACTIONS)


def _about(statement: dict[str, Any], function: str, qualifier: str) -> bool:
    named = str(statement.get("function", "")).partition(":function:")
    name, _, suffix = (named[2] or named[0]).partition(":")
    return name == function and (statement.get("qualifier") or suffix or "") == qualifier


def _allows(statement: dict[str, Any], action: str, auth_type: str, caller: Principal | None) -> bool:
    if statement.get("action") not in {action, "lambda:*", "*"}:
        return False
    wanted = statement.get("functionUrlAuthType")
    if wanted and wanted != auth_type:
        return False
    return _is_principal(str(statement.get("principal", "")), caller) and _is_source(statement, caller)


def _is_principal(principal: str, caller: Principal | None) -> bool:
    if principal == "*":
        return True
    if caller is None:
        return False
    account = caller.arn.split(":")[4] if caller.arn.count(":") >= 5 else ""
    return principal in {caller.service, caller.arn} - {""} or principal in {account, f"arn:aws:iam::{account}:root"}


def _is_source(statement: dict[str, Any], caller: Principal | None) -> bool:
    source = caller.source_arn if caller else ""
    wanted_arn, wanted_account = statement.get("sourceArn"), statement.get("sourceAccount")
    if wanted_arn and not fnmatchcase(source, wanted_arn):
        return False
    return not wanted_account or wanted_account in source.split(":")

"""What a RAM role may do: the policies attached to it.

Source: RAM user guide, "Policy structure and syntax"; OSS user guide, "RAM Policy".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud import policies
from localcloud.policies import Call, Verdict
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


def judge(store: Store, role_arn: str, call: Call) -> Verdict:
    """What the policies of a role say of a call; a role that does not exist may do nothing."""
    role = find_role(store, role_arn)
    return policies.judge(_statements(store, role) if role else [], call)


def trusts(role: Resource, service: str) -> bool:
    """Whether a role lets a service, such as `oss.aliyuncs.com`, assume it."""
    return policies.trusts(role.properties.get("assumeRolePolicyDocument") or role.properties.get("document"), service)


def find_role(store: Store, arn: str) -> Resource | None:
    """The role with an ARN, whose case does not count: RAM writes it in lower case, whatever the role's name."""
    return next(iter(store.find(ROLE, arn=arn.lower())), None)


def _statements(store: Store, role: Resource) -> Iterator[dict[str, Any]]:
    for attachment in store.find(ATTACHMENT, roleName=role.properties.get("roleName") or role.id):
        name = str(attachment.properties["policyName"])
        if attachment.properties.get("policyType") == "System":
            yield {"Effect": "Allow", "Action": _SYSTEM_POLICIES.get(name, []), "Resource": "*"}
            continue
        policy = store.get(POLICY, name)
        if policy is not None:
            yield from policies.statements(policy.properties.get("policyDocument") or policy.properties.get("document"))

"""What an IAM role may do: its inline policies and those attached to it.

Source: IAM User Guide, "Policy evaluation logic" (identity-based policies). Permission boundaries are not evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud import policies
from localcloud.policies import Call, Verdict, listed
from localcloud.store import Store

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
INLINE = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"

_MANAGED = {
    "AdministratorAccess": ["*"],
    "AmazonS3FullAccess": ["s3:*"],
    "AmazonS3ReadOnlyAccess": ["s3:Get*", "s3:List*"],
    "CloudFrontFullAccess": ["cloudfront:*"],
}
"""Actions of the managed policies that are known here, each on every resource; others grant nothing."""


def judge(store: Store, session_arn: str, call: Call) -> Verdict:
    """What the policies of a role say of a call; `session_arn` is that of the assumed role."""
    return policies.judge(_statements(store, role_name(session_arn)), call)


def role_name(session_arn: str) -> str:
    """The role behind `arn:aws:sts::<account>:assumed-role/<role>/<session>`."""
    return session_arn.partition(":assumed-role/")[2].rpartition("/")[0].rpartition("/")[2]


def _statements(store: Store, role: str) -> Iterator[dict[str, Any]]:
    found = next((item for item in store.list(ROLE) if role in {item.id, item.properties.get("name")}), None)
    if found is None:
        return
    documents = [item.get("policy") for item in listed(found.properties.get("inlinePolicies"))]
    documents += [item.properties.get("policy") for item in store.find(INLINE, role=role)]
    for attachment in store.find(ATTACHMENT, role=role):
        arn = str(attachment.properties.get("policyArn") or "")
        if arn.startswith("arn:aws:iam::aws:policy/"):
            yield {"Effect": "Allow", "Action": _MANAGED.get(arn.rpartition("/")[2], []), "Resource": "*"}
        documents += [item.properties.get("policy") for item in store.find(POLICY, arn=arn)]
    for document in documents:
        yield from policies.statements(document)

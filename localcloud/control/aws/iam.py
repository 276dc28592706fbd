"""IAM: roles, their policies, and what is attached. Global, so without a region.

Sources: IAM API Reference (error codes and sentences), IAM User Guide ("IAM and AWS STS quotas"), AWS provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.control import policy
from localcloud.control.aws.base import UPPER, AwsKind
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, now, random_text
from localcloud.control.validate import Failure
from localcloud.iam import ATTACHMENT, INLINE, POLICY, ROLE
from localcloud.store import Resource

_INLINE_BYTES = 10_240
_MANAGED_BYTES = 6_144


class _PolicyKind(AwsKind):
    """A type with a policy document in `document`."""

    service = "IAM"
    document = "policy"
    trust = False

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        text = inputs.get(self.document)
        problem = policy.text_problem(text) if known(text) else None
        if problem:
            yield Failure((self.document,), f'"{self.document}" {problem}')

    def same(self, name: str, old: Any, new: Any) -> bool:
        return name == self.document and isinstance(new, str) and policy.equivalent(old, new)

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del cloud, old
        problem = policy.grammar_problem(inputs[self.document], "2012-10-17", trust=self.trust)
        if problem:
            raise CloudError("MalformedPolicyDocument", problem)


class Role(_PolicyKind):
    label = "IAM Role"
    document = "assumeRolePolicy"
    trust = True
    operations = ("CreateRole", "UpdateAssumeRolePolicy", "DeleteRole")

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        return {
            "arn": f"arn:aws:iam::{cloud.account}:role{inputs.get('path', '/')}{id_}",
            "uniqueId": f"AROA{random_text(17, UPPER)}",
            "createDate": now(),
            "inlinePolicies": inputs.get("inlinePolicies", []),
            "managedPolicyArns": inputs.get("managedPolicyArns", []),
        }

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("EntityAlreadyExists", f"Role with name {id_} already exists.", 409)

    def release(self, cloud: Cloud, row: Resource) -> None:
        attached = cloud.store.find(ATTACHMENT, role=row.id)
        inline = cloud.store.find(INLINE, role=row.id)
        if row.properties.get("forceDetachPolicies"):
            for child in (*attached, *inline):
                cloud.store.delete(child.type, child.id)
        elif cloud.blocking(attached):
            raise CloudError("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
        elif cloud.blocking(inline):
            raise CloudError("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)


class RolePolicy(_PolicyKind):
    label = "IAM Role Policy"
    identity = ("role", "name")
    puts = True
    operations = ("PutRolePolicy", "PutRolePolicy", "DeleteRolePolicy")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        yield from super().check(cloud, inputs)
        if known(inputs.get("role")) and inputs["role"].startswith("arn:"):
            yield Failure(("role",), f'"role" must be the role\'s name not its ARN: {inputs["role"]}')

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        _require_role(cloud, inputs["role"])
        super().admit(cloud, inputs, old)
        if len("".join(inputs["policy"].split())) > _INLINE_BYTES:
            limit = f"Maximum policy size of {_INLINE_BYTES} bytes exceeded for role {inputs['role']}"
            raise CloudError("LimitExceeded", limit, 409)


class Policy(_PolicyKind):
    label = "IAM Policy"
    operations = ("CreatePolicy", "CreatePolicyVersion", "DeletePolicy")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        return f"arn:aws:iam::{cloud.account}:policy{inputs.get('path', '/')}{inputs['name']}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        super().admit(cloud, inputs, old)
        if len("".join(inputs["policy"].split())) > _MANAGED_BYTES:
            raise CloudError("LimitExceeded", f"Cannot exceed quota for PolicySize: {_MANAGED_BYTES}", 409)
        if old is None and cloud.store.find(POLICY, name=inputs["name"]):
            raise self.exists("", inputs)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud, inputs
        return {"arn": id_, "policyId": f"ANPA{random_text(17, UPPER)}", "attachmentCount": 0}

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_
        sentence = f"A policy called {inputs['name']} already exists. Duplicate names are not allowed."
        return CloudError("EntityAlreadyExists", sentence, 409)

    def release(self, cloud: Cloud, row: Resource) -> None:
        if cloud.blocking(cloud.store.find(ATTACHMENT, policyArn=row.id)):
            raise CloudError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)


class RolePolicyAttachment(AwsKind):
    """AWS's own managed policies are taken on trust: their list is not here."""

    service = "IAM"
    label = "IAM Role Policy Attachment"
    identity = ("role", "policyArn")
    puts = True
    operations = ("AttachRolePolicy", "", "DetachRolePolicy")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return f"{inputs['role']}/{inputs['policyArn']}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        _require_role(cloud, inputs["role"])
        arn = inputs["policyArn"]
        managed = arn.startswith("arn:aws:iam::aws:policy/")
        if not managed and cloud.store.get(POLICY, arn) is None:
            raise CloudError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", 404)


def _require_role(cloud: Cloud, name: str) -> None:
    if cloud.store.get(ROLE, name) is None:
        raise CloudError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)


KINDS = {
    ROLE: Role,
    INLINE: RolePolicy,
    POLICY: Policy,
    ATTACHMENT: RolePolicyAttachment,
}

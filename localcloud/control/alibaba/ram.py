"""RAM: roles, policies, and what is attached. Global, so without a region.

Source: Resource Access Management API reference (error codes of CreateRole, DeleteRole, CreatePolicy,
AttachPolicyToRole).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from localcloud.control import policy
from localcloud.control.alibaba.base import AlibabaKind
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, now, parsed_json, random_text
from localcloud.control.validate import Failure
from localcloud.policies import statements
from localcloud.ram import ATTACHMENT, POLICY, ROLE
from localcloud.store import Resource

_ROLE_NAME = re.compile(r"[A-Za-z0-9.-]{1,64}")
_POLICY_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")
_DOCUMENT_CHARACTERS = 6144
_SESSION_SECONDS = (3600, 43_200)


class _RamKind(AlibabaKind):
    """A type that is named by `modern` or, in older programs, by `name`, and holds a policy document."""

    modern = ""
    legacy = "name"
    documents: tuple[str, ...] = ()
    pattern = _ROLE_NAME
    trust = False

    def name(self, inputs: Given) -> Any:
        return inputs.get(self.modern, inputs.get(self.legacy))

    def document(self, inputs: Given) -> Any:
        return next((inputs[name] for name in self.documents if name in inputs), None)

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        name, document = self.name(inputs), self.document(inputs)
        if name is None:
            yield Failure((self.modern,), f"one of `{self.modern},{self.legacy}` must be specified")
        elif known(name) and not self.pattern.fullmatch(name):
            yield Failure(
                (self.modern,), f"invalid value for {self.modern} (must match {self.pattern.pattern}), got {name!r}"
            )
        if known(document) and not isinstance(parsed_json(document), dict):
            yield Failure((self.documents[0],), f'"{self.documents[0]}" contains an invalid JSON')

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return self.name(inputs)

    def same(self, name: str, old: Any, new: Any) -> bool:
        return name in self.documents and isinstance(new, str) and policy.equivalent(old, new)

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del cloud, old
        document = self.document(inputs)
        if document is None:
            return
        if len(document) > _DOCUMENT_CHARACTERS:
            sentence = f"The length of the policy document exceeds {_DOCUMENT_CHARACTERS} characters."
            raise CloudError("InvalidParameter.PolicyDocument.Length", sentence)
        value = json.loads(document)
        if value.get("Version") != "1":
            sentence = f'The policy document is malformed: Version must be "1", not {value.get("Version")!r}.'
            raise CloudError("MalformedPolicyDocument", sentence)
        found = statements(document)
        if not found or any(not self._is_statement(item) for item in found):
            raise CloudError("MalformedPolicyDocument", "The policy document is malformed: invalid statement.")

    def _is_statement(self, statement: dict[str, Any]) -> bool:
        needs = {"Effect", "Action", "Principal"} if self.trust else {"Effect", "Action", "Resource"}
        allowed = {name.removeprefix("Not") for name in statement}
        return needs <= allowed and statement.get("Effect") in ("Allow", "Deny")


class Role(_RamKind):
    identity = ("roleName", "name")
    modern = "roleName"
    documents = ("assumeRolePolicyDocument", "document")
    trust = True
    operations = ("CreateRole", "UpdateRole", "DeleteRole")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        yield from super().check(cloud, inputs)
        low, high = _SESSION_SECONDS
        seconds = inputs.get("maxSessionDuration")
        if known(seconds) and not low <= seconds <= high:
            reason = f"expected maxSessionDuration to be in the range ({low} - {high}), got {seconds}"
            yield Failure(("maxSessionDuration",), reason)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        document = self.document(inputs) or ""
        return {
            "roleName": id_,
            "name": id_,
            # The ARN is written in lower case, whatever the name (RAM user guide, "Role ARN").
            "arn": f"acs:ram::{cloud.account}:role/{id_.lower()}",
            "roleId": f"3{random_text(17, '0123456789')}",
            "assumeRolePolicyDocument": document,
            "document": document,
            "createTime": now(),
            "maxSessionDuration": inputs.get("maxSessionDuration", _SESSION_SECONDS[0]),
        }

    def recomputed(self, cloud: Cloud, old: Resource, properties: Given) -> Values:
        del cloud, old
        document = properties.get("assumeRolePolicyDocument")
        return {"document": document}

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("EntityAlreadyExist.Role", f"The role already exists: {id_}.", 409)

    def release(self, cloud: Cloud, row: Resource) -> None:
        attached = cloud.store.find(ATTACHMENT, roleName=row.id)
        if row.properties.get("force"):
            for child in attached:
                cloud.store.delete(child.type, child.id)
        elif cloud.blocking(attached):
            sentence = f"The role {row.id} is attached to policies. Detach them first."
            raise CloudError("DeleteConflict.Role.Policy", sentence, 409)


class Policy(_RamKind):
    identity = ("policyName", "name")
    modern = "policyName"
    documents = ("policyDocument", "document")
    pattern = _POLICY_NAME
    operations = ("CreatePolicy", "CreatePolicyVersion", "DeletePolicy")

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del cloud
        document = self.document(inputs) or ""
        return {
            "policyName": id_,
            "name": id_,
            "type": "Custom",
            "policyDocument": document,
            "document": document,
            "defaultVersion": "v1",
            "versionId": "v1",
            "createTime": now(),
            "attachmentCount": 0,
        }

    def recomputed(self, cloud: Cloud, old: Resource, properties: Given) -> Values:
        del cloud
        number = int(old.properties.get("defaultVersion", "v1")[1:]) + 1
        return {"document": properties.get("policyDocument"), "defaultVersion": f"v{number}", "versionId": f"v{number}"}

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del inputs
        return CloudError("EntityAlreadyExist.CustomPolicy", f"The custom policy already exists: {id_}.", 409)

    def release(self, cloud: Cloud, row: Resource) -> None:
        attached = cloud.store.find(ATTACHMENT, policyName=row.id, policyType="Custom")
        if cloud.blocking(attached) and not row.properties.get("force"):
            sentence = f"The policy {row.id} is attached to roles. Detach it first."
            raise CloudError("DeleteConflict.Policy.Role", sentence, 409)


class RolePolicyAttachment(AlibabaKind):
    """System policies are taken on trust: their list is not here."""

    identity = ("roleName", "policyName", "policyType")
    operations = ("AttachPolicyToRole", "", "DetachPolicyFromRole")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud
        return f"role:{inputs['policyName']}:{inputs['policyType']}:{inputs['roleName']}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        del old
        if cloud.store.get(ROLE, inputs["roleName"]) is None:
            raise CloudError("EntityNotExist.Role", f"The role not exists: {inputs['roleName']}.", 404)
        if inputs["policyType"] == "Custom" and cloud.store.get(POLICY, inputs["policyName"]) is None:
            raise CloudError("EntityNotExist.Policy", f"The policy not exists: {inputs['policyName']}.", 404)

    def exists(self, id_: str, inputs: Given) -> CloudError:
        del id_
        sentence = f"The policy {inputs['policyName']} has already been attached to the role {inputs['roleName']}."
        return CloudError("EntityAlreadyExist.Role.Policy", sentence, 409)


KINDS = {ROLE: Role, POLICY: Policy, ATTACHMENT: RolePolicyAttachment}

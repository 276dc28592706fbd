"""AWS IAM: real shapes, refusals in AWS's words. Does not prove that AWS itself says the same."""

from __future__ import annotations

import json
import re

import pytest

from tests.localcloud.control.aws.resources import ROLE, confirm, role
from tests.localcloud.control.client import Client, refused, trust

INLINE = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
MANAGED = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


class TestIam:
    def test_a_role_has_the_real_shapes(self, aws: Client) -> None:
        made = role(aws)
        assert made.id == made.outputs["name"]
        assert made.outputs["arn"] == f"arn:aws:iam::123456789012:role/{made.id}"
        assert re.fullmatch(r"AROA[A-Z0-9]{17}", made.outputs["uniqueId"])

    def test_a_name_is_taken_once(self, aws: Client) -> None:
        inputs = {"name": "same", "assumeRolePolicy": trust("lambda.amazonaws.com")}
        aws.create(ROLE, "a", inputs)
        with refused(
            r"creating IAM Role \(same\): .*CreateRole.*409, EntityAlreadyExists: Role with name same already"
        ):
            aws.create(ROLE, "b", inputs)

    @pytest.mark.parametrize(
        ("document", "words"),
        [
            (trust("lambda"), 'Invalid principal in policy: "SERVICE":"lambda"'),
            (ALLOW, "Has prohibited field Resource"),
            ('{"Version":"2012-10-17"}', "Syntax errors in policy."),
            ('{"Version":"2020-01-01","Statement":[]}', "Policy document must be version 2012-10-17 or greater."),
        ],
    )
    def test_a_malformed_trust_policy_is_refused(self, aws: Client, document: str, words: str) -> None:
        with refused(f"MalformedPolicyDocument: {re.escape(words)}"):
            aws.create(ROLE, "r", {"assumeRolePolicy": document})

    def test_a_role_in_use_can_not_go(self, aws: Client) -> None:
        made = role(aws)
        inline = aws.create(INLINE, "p", {"role": made.id, "policy": ALLOW})
        attached = aws.create(ATTACHMENT, "p", {"role": made.id, "policyArn": MANAGED})
        confirm(aws, inline, attached)
        assert inline.id == f"{made.id}:{inline.outputs['name']}"
        assert attached.id == f"{made.id}/{MANAGED}"
        with refused("DeleteConflict: Cannot delete entity, must detach all policies first"):
            aws.delete(made)
        aws.delete(attached)
        with refused("DeleteConflict: Cannot delete entity, must delete policies first"):
            aws.delete(made)
        aws.delete(inline)
        aws.delete(made)

    def test_policies_need_their_role(self, aws: Client) -> None:
        with refused("NoSuchEntity: The role with name none cannot be found"):
            aws.create(INLINE, "p", {"role": "none", "policy": ALLOW})
        assert "must be the role's name not its ARN" in aws.reasons(INLINE, {"role": "arn:aws:x", "policy": ALLOW})

    def test_an_attachment_needs_its_policy_and_holds_it(self, aws: Client) -> None:
        made = role(aws)
        with refused("does not exist or is not attachable"):
            aws.create(ATTACHMENT, "p", {"role": made.id, "policyArn": "arn:aws:iam::123456789012:policy/none"})
        policy = aws.create(POLICY, "p", {"policy": ALLOW})
        assert policy.id == f"arn:aws:iam::123456789012:policy/{policy.outputs['name']}"
        confirm(aws, aws.create(ATTACHMENT, "p", {"role": made.id, "policyArn": policy.id}))
        with refused("Cannot delete a policy attached to entities"):
            aws.delete(policy)

    def test_a_policy_has_a_size(self, aws: Client) -> None:
        big = ALLOW.replace('"*"', json.dumps([f"arn:aws:s3:::{number:060}" for number in range(200)]))
        with refused("LimitExceeded: Cannot exceed quota for PolicySize: 6144"):
            aws.create(POLICY, "p", {"policy": big})
        with refused("Maximum policy size of 10240 bytes exceeded for role"):
            aws.create(INLINE, "p", {"role": role(aws).id, "policy": big})

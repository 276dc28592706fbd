"""What the tests of several services deploy, and how the next run comes across it."""

from __future__ import annotations

from typing import Any

from tests.localcloud.control.client import Client, Deployed, code, trust

ROLE = "aws:iam/role:Role"
FUNCTION = "aws:lambda/function:Function"
BUCKET = "aws:s3/bucket:Bucket"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"


def role(aws: Client, name: str = "r", *services: str) -> Deployed:
    return aws.create(ROLE, name, {"assumeRolePolicy": trust(*(services or ("lambda.amazonaws.com",)))})


def function(aws: Client, resource: str = "f", /, **more: Any) -> Deployed:
    aws.seed += b"."
    arn = more.pop("role", None) or role(aws, f"{resource}-role").outputs["arn"]
    basics = {"runtime": "provided.al2023", "handler": "a.b", "code": code(), "publish": True}
    return aws.create(FUNCTION, resource, {"role": arn, **basics, **more})


def confirm(client: Client, *made: Deployed) -> None:
    """What the next run's diff does: the engine holds these."""
    for one in made:
        client.read(one)

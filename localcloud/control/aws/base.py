"""What all AWS resource types share: the wording of refusals, ARNs, and looking up what others refer to."""

from __future__ import annotations

import re

from localcloud.control.kind import Cloud, CloudError, Given, Kind
from localcloud.iam import ROLE
from localcloud.store import Resource

FUNCTION = "aws:lambda/function:Function"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
BUCKET = "aws:s3/bucket:Bucket"

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LOWER = UPPER.lower()

_FUNCTION_ARN = re.compile(
    r"arn:aws[\w-]*:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:(?P<name>[\w-]+)(?::(?P<qualifier>[$\w-]+))?"
)


class AwsKind(Kind):
    """A type of AWS with the words of the AWS provider and the AWS SDK for Go around a refusal."""

    service = ""
    """As the SDK names it, such as `CloudWatch Logs`."""

    def describe(self, verb: str, name: str, error: CloudError) -> str:
        subject = f"{verb} {self.label or self.token.rpartition(':')[2]} ({name})"
        operation = self.operation(verb)
        if not operation:
            return f"{subject}: {error.code}: {error.message}"
        return (
            f"{subject}: operation error {self.service}: {operation}, https response error StatusCode: {error.status}, "
            f"{error.code}: {error.message}"
        )

    def arn(self, cloud: Cloud, id_: str) -> str:
        _, path, name = self.token.split(":")
        service = path.partition("/")[0]
        return f"arn:aws:{service}:{cloud.region}:{cloud.account}:{name[:1].lower()}{name[1:]}/{id_}"


def function_reference(cloud: Cloud, reference: str, region: str) -> tuple[str, str, str]:
    """Name, region and qualifier (or `""`) of a function that is given by name, by partial name or by ARN."""
    match = _FUNCTION_ARN.fullmatch(reference)
    if match:
        return match["name"], match["region"], match["qualifier"] or ""
    name, _, qualifier = reference.rpartition("function:")[2].partition(":")
    return name, region or cloud.region, qualifier


def find_function(cloud: Cloud, name: str, region: str) -> Resource | None:
    return next((row for row in cloud.store.find(FUNCTION, name=name) if row.properties["region"] == region), None)


def require_function(cloud: Cloud, inputs: Given, reference: str) -> Resource:
    """The function that a resource refers to; raises CloudError as Lambda does."""
    name, region, _ = function_reference(cloud, reference, cloud.region_of(inputs))
    row = find_function(cloud, name, region)
    if row is None or region != cloud.region_of(inputs):
        arn = f"arn:aws:lambda:{cloud.region_of(inputs)}:{cloud.account}:function:{name}"
        raise CloudError("ResourceNotFoundException", f"Function not found: {arn}", 404)
    return row


def role_by_arn(cloud: Cloud, arn: str) -> Resource | None:
    return next(iter(cloud.store.find(ROLE, arn=arn)), None)

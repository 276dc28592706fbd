"""CloudFront: distributions, origin access controls and policies.

Sources: Amazon CloudFront API Reference (CreateDistribution, UpdateDistribution and the errors of each); AWS provider
`internal/service/cloudfront/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from localcloud.control.aws.base import DISTRIBUTION, LOWER, UPPER, AwsKind
from localcloud.control.aws.distribution_rules import behaviors, check_distribution
from localcloud.control.kind import Cloud, CloudError, Given, Values, known, now, random_text
from localcloud.control.validate import Failure
from localcloud.control.wire import from_json
from localcloud.store import Resource

ACCESS_CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"
_ZONE = "Z2FDTNDATAQYW2"


class Distribution(AwsKind):
    service = "CloudFront"
    label = "CloudFront Distribution"
    identity = ()
    operations = ("CreateDistribution", "UpdateDistribution", "DeleteDistribution")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud, inputs
        return f"E{random_text(13, UPPER)}"

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        check_distribution(cloud, inputs, own_id=old.id if old else "")

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        return {
            "arn": f"arn:aws:cloudfront::{cloud.account}:distribution/{id_}",
            "domainName": f"d{random_text(13, LOWER)}.cloudfront.net",
            "hostedZoneId": _ZONE,
            "callerReference": f"terraform-{random_text(26, '0123456789')}",
            "continuousDeploymentPolicyId": inputs.get("continuousDeploymentPolicyId", ""),
            "inProgressValidationBatches": 0,
            "trustedKeyGroups": [{"enabled": False}],
            "trustedSigners": [{"enabled": False}],
            "loggingV1Enabled": bool((inputs.get("loggingConfig") or {}).get("bucket")),
            **_deployment(inputs),
        }

    def recomputed(self, cloud: Cloud, old: Resource, properties: Given) -> Values:
        del cloud, old
        return _deployment(properties)

    def delete(self, cloud: Cloud, row: Resource) -> None:
        # With retainOnDelete the provider only disables the distribution and forgets it.
        if row.properties.get("retainOnDelete"):
            cloud.store.put(Resource(row.type, row.id, row.urn, {**row.properties, "enabled": False}, row.private))
        else:
            super().delete(cloud, row)


class _Attached(AwsKind):
    """What distributions refer to by id: names are unique, and what is in use stays."""

    service = "CloudFront"
    code = ""
    """Stem of the error codes, such as `CachePolicy`."""
    words = ""
    """The type in a sentence, such as `cache policy`."""
    article = "A"
    arn_type = ""

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud, inputs
        return "-".join(random_text(length, "0123456789abcdef") for length in (8, 4, 4, 4, 12))

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        for other in cloud.store.find(self.token, name=inputs["name"]):
            if old is None or other.id != old.id:
                sentence = f"{self.article} {self.words} with this name already exists."
                raise CloudError(f"{self.code}AlreadyExists", sentence, 409)

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        del inputs
        return {"arn": f"arn:aws:cloudfront::{cloud.account}:{self.arn_type}/{id_}", "etag": _etag()}

    def recomputed(self, cloud: Cloud, old: Resource, properties: Given) -> Values:
        del cloud, old, properties
        return {"etag": _etag()}

    def release(self, cloud: Cloud, row: Resource) -> None:
        users = [
            distribution
            for distribution in cloud.store.list(DISTRIBUTION)
            if row.id in self.references(from_json(distribution.properties))
        ]
        if cloud.blocking(users):
            raise CloudError(f"{self.code}InUse", self.in_use(), 409)

    def references(self, distribution: Given) -> Iterator[Any]:
        """The ids of this type that a distribution names."""
        raise NotImplementedError

    def in_use(self) -> str:
        return f"Cannot delete the {self.words} because it is attached to one or more cache behaviors."


class OriginAccessControl(_Attached):
    label = "CloudFront Origin Access Control"
    code, words, article, arn_type = "OriginAccessControl", "origin access control", "An", "origin-access-control"
    operations = ("CreateOriginAccessControl", "UpdateOriginAccessControl", "DeleteOriginAccessControl")

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        del cloud, inputs
        return f"E{random_text(13, UPPER)}"

    def references(self, distribution: Given) -> Iterator[Any]:
        return (origin.get("originAccessControlId") for origin in distribution.get("origins", []))

    def in_use(self) -> str:
        return "Cannot delete the origin access control because it's in use by one or more distributions."


class _BehaviorPolicy(_Attached):
    """A policy that cache behaviours name in `reference`."""

    reference: ClassVar[str] = ""

    def references(self, distribution: Given) -> Iterator[Any]:
        return (behavior.get(self.reference) for behavior in behaviors(distribution))


class CachePolicy(_BehaviorPolicy):
    label = "CloudFront Cache Policy"
    code, words, arn_type, reference = "CachePolicy", "cache policy", "cache-policy", "cachePolicyId"
    operations = ("CreateCachePolicy", "UpdateCachePolicy", "DeleteCachePolicy")

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        super().admit(cloud, inputs, old)
        ttls = [
            inputs.get(name, default)
            for name, default in (("minTtl", 0), ("defaultTtl", 86_400), ("maxTtl", 31_536_000))
        ]
        if ttls != sorted(ttls):
            sentence = "The parameter MinTTL, DefaultTTL and MaxTTL must be in ascending order."
            raise CloudError("InvalidArgument", sentence)


class OriginRequestPolicy(_BehaviorPolicy):
    label = "CloudFront Origin Request Policy"
    code, words, article = "OriginRequestPolicy", "origin request policy", "An"
    arn_type, reference = "origin-request-policy", "originRequestPolicyId"
    operations = ("CreateOriginRequestPolicy", "UpdateOriginRequestPolicy", "DeleteOriginRequestPolicy")


class ResponseHeadersPolicy(_BehaviorPolicy):
    label = "CloudFront Response Headers Policy"
    code, words = "ResponseHeadersPolicy", "response headers policy"
    arn_type, reference = "response-headers-policy", "responseHeadersPolicyId"
    operations = ("CreateResponseHeadersPolicy", "UpdateResponseHeadersPolicy", "DeleteResponseHeadersPolicy")

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        del cloud
        config = inputs.get("securityHeadersConfig")
        if known(config) and not config:
            yield Failure(("securityHeadersConfig",), "securityHeadersConfig holds no header")


def _deployment(properties: Given) -> Values:
    waits = properties.get("waitForDeployment", True)
    return {"etag": _etag(), "lastModifiedTime": now(), "status": "Deployed" if waits else "InProgress"}


def _etag() -> str:
    return f"E{random_text(13, UPPER)}"


KINDS = {
    DISTRIBUTION: Distribution,
    ACCESS_CONTROL: OriginAccessControl,
    "aws:cloudfront/cachePolicy:CachePolicy": CachePolicy,
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": OriginRequestPolicy,
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": ResponseHeadersPolicy,
}

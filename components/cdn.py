"""Alibaba Cloud CDN in front of a private OSS bucket."""

from typing import Any, Final, NotRequired, TypedDict

import pulumi
from pulumi_alicloud import cdn, oss, ram

from components.constants import CDN_PRIVATE_ORIGIN_ROLE, YEAR_S
from components.policies import cdn_private_origin, cdn_trust
from components.validation import validate
from rules.cdn import TABLE

_DEFAULTS: Final = {"scope": "overseas", "private_origin_role": False, "first_page": True, "force_destroy": False}
_FIRST_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Isthmus</title>
<h1>It works.</h1>
<p>This page comes from a private bucket through the CDN. Put your site's files beside it.</p>
</html>
"""


class CdnArgs(TypedDict):
    """Arguments of Cdn."""

    domain_name: str
    """The name that visitors use, a domain of your own."""
    bucket_name: pulumi.Input[str]
    """Name of the bucket for the site, unique in all of OSS."""
    resource_name: pulumi.Input[str]
    """What the name of the policy begins with that `private_origin_role` creates; at most 48 characters."""
    scope: NotRequired[str]
    """overseas, domestic or global; the last two need an ICP filing of the domain. Defaults to overseas."""
    certificate_id: NotRequired[pulumi.Input[str]]
    """Id of a certificate in Alibaba Cloud's Certificate Management Service that covers `domain_name`. With it visitors
    are sent to HTTPS with TLS 1.2 or later; without it the CDN answers HTTP only."""
    private_origin_role: NotRequired[bool]
    """Create the account-wide role AliyunCDNAccessingPrivateOSSRole, through which the CDN reads the bucket.
    An account has it once, so leave this off where it already exists, and let it then read this bucket.
    Defaults to false."""
    first_page: NotRequired[bool]
    """Put a page into the empty bucket; leave it out where something else publishes index.html. Defaults to true."""
    force_destroy: NotRequired[bool]
    """Delete the bucket with all that it holds when it is destroyed. Defaults to false."""


class Cdn(pulumi.ComponentResource):
    """A CDN domain, the private bucket behind it, and how the one asks the other.

    The CDN signs its requests to the bucket, over TLS and under the bucket's own host name. `/` shows index.html, since
    a signed request for it would list the bucket. Pages are asked for again each time; what lies under /assets/
    is taken to have a digest in its name and kept for a year.
    """

    url: pulumi.Output[str]
    """`https://<domain_name>/`; `http://…` without a certificate."""
    cname: pulumi.Output[str]
    """What a CNAME record of `domain_name` must point to."""
    bucket_name: pulumi.Output[str]
    """Name of the bucket that holds the site."""

    def __init__(self, name: str, args: CdnArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        values = validate(f"Cdn {name!r}", CdnArgs, args, TABLE, defaults=_DEFAULTS)
        super().__init__("isthmus:index:Cdn", name, {}, opts)

        bucket = self._site(name, values)
        if values["private_origin_role"]:
            self._private_origin_role(name, values["resource_name"], bucket)
        host = pulumi.Output.concat(bucket.bucket, ".", bucket.extranet_endpoint)
        domain = cdn.DomainNew(
            name,
            domain_name=values["domain_name"],
            cdn_type="web",
            scope=values["scope"],
            sources=[{"type": "oss", "content": host, "port": 443}],
            certificate_config=_certificate(values.get("certificate_id")),
            # A domain takes 10 to 30 minutes to go online, and the provider gives up after 15.
            opts=pulumi.ResourceOptions(
                parent=self, custom_timeouts=pulumi.CustomTimeouts(create="40m", update="40m", delete="40m")
            ),
        )
        has_certificate = "certificate_id" in values
        self._configure(name, domain, host, https=has_certificate)

        self.url = pulumi.Output.concat("https://" if has_certificate else "http://", domain.domain_name, "/")
        self.cname = domain.cname
        self.bucket_name = bucket.bucket
        self.register_outputs({"url": self.url, "cname": self.cname, "bucket_name": self.bucket_name})

    def _site(self, name: str, values: dict[str, Any]) -> oss.Bucket:
        child = pulumi.ResourceOptions(parent=self)
        bucket = oss.Bucket(
            f"{name}-site", bucket=values["bucket_name"], force_destroy=values["force_destroy"], opts=child
        )
        block = oss.BucketPublicAccessBlock(
            f"{name}-site-block", bucket=bucket.bucket, block_public_access=True, opts=child
        )
        if values["first_page"]:
            oss.BucketObject(
                f"{name}-first-page",
                bucket=bucket.bucket,
                key="index.html",
                content=_FIRST_PAGE,
                content_type="text/html; charset=utf-8",
                cache_control="no-cache",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[block]),
            )
        return bucket

    def _private_origin_role(self, name: str, resource_name: pulumi.Input[str], bucket: oss.Bucket) -> None:
        child = pulumi.ResourceOptions(parent=self)
        role = ram.Role(
            f"{name}-role",
            role_name=CDN_PRIVATE_ORIGIN_ROLE,
            assume_role_policy_document=cdn_trust(),
            opts=child,
        )
        policy = ram.Policy(
            f"{name}-policy",
            policy_name=pulumi.Output.concat(resource_name, "-cdn"),
            policy_document=bucket.bucket.apply(cdn_private_origin),
            opts=child,
        )
        ram.RolePolicyAttachment(
            f"{name}-grant",
            role_name=role.role_name,
            policy_name=policy.policy_name,
            policy_type="Custom",
            opts=child,
        )

    def _configure(self, name: str, domain: cdn.DomainNew, host: pulumi.Output[str], *, https: bool) -> None:
        """The settings of the domain, one resource for each of the CDN's functions.

        Source: Alibaba Cloud CDN, Parameters for configuring features for domain names.
        """
        functions: dict[str, tuple[str, dict[str, pulumi.Input[str]]]] = {
            "private-origin": ("l2_oss_key", {"private_oss_auth": "on"}),
            "origin-host": ("set_req_host_header", {"domain_name": host}),
            "origin-sni": ("https_origin_sni", {"enabled": "on", "https_origin_sni": host}),
            "origin-scheme": ("forward_scheme", {"enable": "on", "scheme_origin": "https"}),
            "root-page": (
                "back_to_origin_url_rewrite",
                {"source_url": "^/$", "target_url": "/index.html", "flag": "break"},
            ),
            "pages-ttl": ("filetype_based_ttl_set", {"file_type": "html,htm", "ttl": "0", "weight": "99"}),
            "assets-ttl": ("path_based_ttl_set", {"path": "/assets/", "ttl": str(YEAR_S), "weight": "90"}),
        }
        if https:
            functions["https-only"] = ("https_force", {"enable": "on"})
            functions["tls"] = ("https_tls_version", {"tls10": "off", "tls11": "off", "tls12": "on", "tls13": "on"})
        for suffix, (function_name, arguments) in functions.items():
            cdn.DomainConfig(
                f"{name}-{suffix}",
                domain_name=domain.domain_name,
                function_name=function_name,
                function_args=[{"arg_name": argument, "arg_value": value} for argument, value in arguments.items()],
                opts=pulumi.ResourceOptions(parent=self),
            )


def _certificate(certificate_id: pulumi.Input[str] | None) -> cdn.DomainNewCertificateConfigArgsDict | None:
    if certificate_id is None:
        return None
    return {"cert_type": "cas", "cert_id": certificate_id, "server_certificate_status": "on"}

"""Cdn under Pulumi's mocks: exact children, inputs and options.

Does not prove that the CDN accepts the domain or its settings, that the domain is ours, or that a page arrives.
"""

from __future__ import annotations

import json

import pulumi
import pytest

from components.cdn import Cdn
from components.validation import ProgramError
from tests.support.mocks import deploy

ARGS = {"domain_name": "www.example.com", "bucket_name": "isthmus-test-site", "resource_name": "isthmus-test"}
HOST = "isthmus-test-site.oss-cn-hongkong.aliyuncs.com"
SETTINGS = {
    "site-private-origin": ("l2_oss_key", {"private_oss_auth": "on"}),
    "site-origin-host": ("set_req_host_header", {"domain_name": HOST}),
    "site-origin-sni": ("https_origin_sni", {"enabled": "on", "https_origin_sni": HOST}),
    "site-origin-scheme": ("forward_scheme", {"enable": "on", "scheme_origin": "https"}),
    "site-root-page": (
        "back_to_origin_url_rewrite",
        {"source_url": "^/$", "target_url": "/index.html", "flag": "break"},
    ),
    "site-pages-ttl": ("filetype_based_ttl_set", {"file_type": "html,htm", "ttl": "0", "weight": "99"}),
    "site-assets-ttl": ("path_based_ttl_set", {"path": "/assets/", "ttl": "31536000", "weight": "90"}),
}
CHILDREN = {
    "site": "alicloud:cdn/domainNew:DomainNew",
    "site-site": "alicloud:oss/bucket:Bucket",
    "site-site-block": "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "site-first-page": "alicloud:oss/bucketObject:BucketObject",
    **dict.fromkeys(SETTINGS, "alicloud:cdn/domainConfig:DomainConfig"),
}
ROLE = {
    "site-role": "alicloud:ram/role:Role",
    "site-policy": "alicloud:ram/policy:Policy",
    "site-grant": "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment",
}


def run(*, preview=False, **args):
    return deploy(lambda: Cdn("site", {**ARGS, **args}), preview=preview)


@pytest.mark.parametrize("preview", [True, False])
def test_children_are_these_and_no_others(preview):
    assert run(preview=preview).children("site") == CHILDREN
    assert run(preview=preview, private_origin_role=True).children("site") == {**CHILDREN, **ROLE}


def test_exact_domain():
    domain = run().named("site", "domainNew")
    assert domain.inputs == {
        "domainName": "www.example.com",
        "cdnType": "web",
        "scope": "overseas",
        "sources": [{"type": "oss", "content": HOST, "port": 443}],
    }
    assert domain.request.customTimeouts.create == "40m"


def test_exact_settings_of_the_domain():
    deployment = run()
    for name, (function_name, arguments) in SETTINGS.items():
        inputs = deployment.named(name).inputs
        assert inputs["domainName"] == "www.example.com"
        assert inputs["functionName"] == function_name
        assert {each["argName"]: each["argValue"] for each in inputs["functionArgs"]} == arguments


def test_with_a_certificate_visitors_get_tls_1_2_and_nothing_older():
    deployment = run(certificate_id="12345678")
    assert deployment.named("site", "domainNew").inputs["certificateConfig"] == {
        "certType": "cas",
        "certId": "12345678",
        "serverCertificateStatus": "on",
    }
    added = {name: deployment.named(name).inputs for name in ("site-https-only", "site-tls")}
    assert {name: inputs["functionName"] for name, inputs in added.items()} == {
        "site-https-only": "https_force",
        "site-tls": "https_tls_version",
    }
    versions = {each["argName"]: each["argValue"] for each in added["site-tls"]["functionArgs"]}
    assert versions == {"tls10": "off", "tls11": "off", "tls12": "on", "tls13": "on"}


def test_the_site_is_private_and_has_a_first_page():
    deployment = run()
    assert deployment.named("site-site").inputs == {"bucket": "isthmus-test-site", "forceDestroy": False}
    assert deployment.named("site-site-block").inputs == {"bucket": "isthmus-test-site", "blockPublicAccess": True}
    page = deployment.named("site-first-page").inputs
    assert "<h1>" in page.pop("content")
    assert page == {
        "bucket": "isthmus-test-site",
        "key": "index.html",
        "contentType": "text/html; charset=utf-8",
        "cacheControl": "no-cache",
    }


def test_a_site_that_something_else_publishes_has_no_first_page():
    deployment = run(first_page=False, force_destroy=True)
    assert deployment.children("site") == {name: type_ for name, type_ in CHILDREN.items() if name != "site-first-page"}
    assert deployment.named("site-site").inputs["forceDestroy"] is True


def test_the_account_wide_role_reads_this_bucket_only():
    deployment = run(private_origin_role=True)
    role = deployment.named("site-role").inputs
    assert role["roleName"] == "AliyunCDNAccessingPrivateOSSRole"
    assert "cdn.aliyuncs.com" in role["assumeRolePolicyDocument"]
    (statement,) = json.loads(deployment.named("site-policy").inputs["policyDocument"])["Statement"]
    assert statement["Resource"] == ["acs:oss:*:*:isthmus-test-site", "acs:oss:*:*:isthmus-test-site/*"]


@pytest.mark.parametrize(("certificate", "scheme"), [({}, "http"), ({"certificate_id": "12345678"}, "https")])
def test_outputs(certificate, scheme):
    seen: dict[str, str] = {}

    def program():
        site = Cdn("site", {**ARGS, **certificate, "bucket_name": pulumi.Output.from_input("isthmus-test-site")})
        return pulumi.Output.all(url=site.url, cname=site.cname, bucket=site.bucket_name).apply(seen.update)

    deploy(program)
    assert seen == {
        "url": f"{scheme}://www.example.com/",
        "cname": "www.example.com.w.kunlunsl.com",
        "bucket": "isthmus-test-site",
    }


@pytest.mark.parametrize(
    ("args", "rules"),
    [
        ({"domain_name": "https://www.example.com"}, ["CDN-DOMAIN"]),
        ({"domain_name": HOST}, ["CDN-ORIGIN"]),
        ({"scope": "mars"}, ["CDN-SCOPE"]),
        ({"bucket_name": "Site"}, ["OSS-BUCKET-NAME"]),
        ({"resource_name": "x" * 49}, ["RAM-NAME"]),
        ({"private_origin_role": "yes"}, ["ARGUMENT-TYPE"]),
    ],
)
def test_a_wrong_value_is_refused(args, rules):
    with pytest.raises(ProgramError) as refused:
        run(**args)
    assert [finding.rule for finding in refused.value.findings] == rules


@pytest.mark.parametrize("scope", ["domestic", "global"])
def test_a_scope_that_needs_a_filing_is_a_warning(scope):
    assert "[CDN-ICP]" in run(scope=scope).warnings[0]
    assert run(scope="overseas").warnings == []

"""What the watch says of several resources together, on mocks.

Does not prove that an engine tells alike where an output comes from; tests/engine does for whole programs.
"""

from __future__ import annotations

import pulumi
import pulumi_alicloud as alicloud
import pulumi_aws as aws
import pytest
from pulumi_alicloud import fc, oss, ram

from components.edge_trigger import EdgeTrigger
from tests.rules.resource_cases import BEHAVIOR, DISTRIBUTION_BASE, FUNCTION_BASE, trust
from tests.support.watched import broken, by_hand, rules_of, run

pytestmark = pytest.mark.usefixtures("watched")


def associated(event="origin-request", pick=lambda function: function.qualified_arn, **changed):
    def program():
        role = aws.iam.Role("role", assume_role_policy=trust("lambda.amazonaws.com", "edgelambda.amazonaws.com"))
        right = {"role": role.arn, "publish": True, "region": "us-east-1"}
        function = by_hand("edge", **{**right, **changed})
        behavior = {**BEHAVIOR, "lambda_function_associations": [{"event_type": event, "lambda_arn": pick(function)}]}
        aws.cloudfront.Distribution("d", **{**DISTRIBUTION_BASE, "default_cache_behavior": behavior})
        return function

    return program


def test_an_edge_function_by_hand_can_be_right():
    assert run(associated()).warnings == []


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("E1", {"region": "eu-west-1"}),
        ("E1", {"region": None}),
        ("E2-PUBLISH", {"publish": None}),
        ("E3", {"runtime": "provided.al2023"}),
        ("E3", {"runtime": "java21"}),
        ("E4", {"package_type": "Image", "image_uri": "i", "s3_bucket": None, "s3_key": None}),
        ("E5", {"environment": {"variables": {"STAGE": "x"}}}),
        ("E6", {"layers": ["l"]}),
        ("E7", {"vpc_config": {"subnet_ids": ["s"], "security_group_ids": ["g"]}}),
        ("E8", {"dead_letter_config": {"target_arn": "a"}}),
        ("E9", {"tracing_config": {"mode": "Active"}}),
        ("E10", {"architectures": ["arm64"]}),
        ("E11", {"ephemeral_storage": {"size": 513}}),
        ("E14", {"source_kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/1"}),
        ("E-TIMEOUT", {"timeout": 31}),
    ],
)
def test_what_the_edge_does_not_take(rule, changed):
    assert broken(associated(**changed)) == [(rule, "aws:lambda/function:Function 'edge'")]


@pytest.mark.parametrize("rule", ["E-TIMEOUT-VIEWER", "E-MEMORY-VIEWER", "E3-LEAVING", "E19-TAGS"])
def test_what_documents_leave_open_at_the_edge(rule):
    doubtful = {"timeout": 6, "memory_size": 129, "runtime": "python3.10", "tags": {"a": "b"}}
    warnings = run(associated("viewer-request", **doubtful)).warnings
    assert [warning for warning in warnings if f"[{rule}]" in warning]


def test_only_a_version_can_be_associated():
    assert rules_of(associated(pick=lambda function: function.arn)) == ["E2-SOURCE"]


def test_the_role_of_an_edge_function_lets_both_services_in():
    def wrong():
        role = aws.iam.Role("only-lambda", assume_role_policy=trust("lambda.amazonaws.com"))
        associated(role=role.arn)()

    assert broken(wrong) == [("E15", "aws:iam/role:Role 'only-lambda'")]


def test_no_provisioned_concurrency_and_no_runtime_pin_at_the_edge():
    def program():
        function = associated()()
        aws.lambda_.ProvisionedConcurrencyConfig(
            "p", function_name=function.name, qualifier="1", provisioned_concurrent_executions=1
        )
        aws.lambda_.RuntimeManagementConfig("m", function_name=function.name, update_runtime_on="Manual")

    assert sorted(rules_of(program)) == ["E12", "E13"]


def behind(auth="AWS_IAM", actions=("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"), timeout=30):
    def program():
        function = by_hand(timeout=timeout)
        url = aws.lambda_.FunctionUrl("u", function_name=function.name, authorization_type=auth)
        access = aws.cloudfront.OriginAccessControl(
            "o", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4"
        )
        origin = {
            **DISTRIBUTION_BASE["origins"][0],
            "domain_name": url.function_url.apply(lambda known: known.split("/")[2]),
            "origin_access_control_id": access.id,
        }
        distribution = aws.cloudfront.Distribution("d", **{**DISTRIBUTION_BASE, "origins": [origin]})
        for action in actions:
            aws.lambda_.Permission(
                action,
                action=action,
                function=function.name,
                principal="cloudfront.amazonaws.com",
                source_arn=distribution.arn,
            )

    return program


def test_a_signed_function_url_needs_both_permissions():
    assert run(behind()).warnings == []
    assert rules_of(behind(actions=("lambda:InvokeFunctionUrl",))) == ["CF-OAC-PERMISSIONS"]
    assert rules_of(behind(actions=())) == ["CF-OAC-PERMISSIONS"]


def test_a_signed_function_url_is_not_public():
    assert rules_of(behind(auth="NONE")) == ["CF-OAC-URL-AUTH"]


def test_a_function_that_outlasts_its_distribution_is_warned_of():
    (warning,) = run(behind(timeout=31)).warnings
    assert "30 for a function that may take 31" in warning


def test_roles_let_in_the_service_that_they_are_given_to():
    def program():
        other = aws.iam.Role("other", assume_role_policy=trust("ec2.amazonaws.com"))
        by_hand(role=other.arn)
        role = ram.Role("ram", assume_role_policy_document=trust("oss.aliyuncs.com", version="1"))
        fc.V3Function("fc", handler="h", runtime="custom.debian10", role=role.arn)
        fc_role = ram.Role("fc-role", assume_role_policy_document=trust("fc.aliyuncs.com", version="1"))
        fc.V3Trigger("t", function_name="f", qualifier="LATEST", trigger_type="oss", invocation_role=fc_role.arn)

    assert broken(program) == [
        ("LAMBDA-TRUST", "aws:iam/role:Role 'other'"),
        ("RAM-TRUST-FC", "alicloud:ram/role:Role 'ram'"),
        ("RAM-TRUST-OSS", "alicloud:ram/role:Role 'fc-role'"),
    ]


def test_certificates_and_code_are_in_the_region_that_looks_for_them():
    def program():
        certificate = aws.acm.Certificate("c", domain_name="a.example.com", validation_method="DNS")
        viewer = {"acm_certificate_arn": certificate.arn, "ssl_support_method": "sni-only"}
        aws.cloudfront.Distribution(
            "d", **{**DISTRIBUTION_BASE, "aliases": ["a.example.com"], "viewer_certificate": viewer}
        )
        bucket = aws.s3.Bucket("b", region="eu-west-1")
        by_hand(s3_bucket=bucket.bucket)

    assert rules_of(program) == ["ACM-EDGE-REGION", "LAMBDA-CODE-REGION"]


# Where an output was made into something else


@pytest.mark.parametrize(
    "pick",
    [
        lambda function: function.qualified_arn.apply(lambda arn: arn),
        lambda function: pulumi.Output.concat(function.arn, ":", function.version),
        lambda function: pulumi.Output.all(function.arn, function.version).apply(":".join),
    ],
)
@pytest.mark.parametrize("preview", [True, False])
def test_what_is_made_of_outputs_still_tells_the_function(pick, preview):
    assert run(associated(pick=pick), preview=preview).warnings == []
    assert ("E3", "aws:lambda/function:Function 'edge'") in broken(
        associated(pick=pick, runtime="java21"), preview=preview
    )
    assert rules_of(associated(pick=pick, environment={"variables": {"AB": "x"}}), preview=preview) == ["E5"]


def test_what_is_made_of_two_functions_tells_neither():
    def program():
        other = by_hand("other")
        associated(
            pick=lambda function: pulumi.Output.all(function.qualified_arn, other.arn).apply(lambda arns: arns[0])
        )()

    assert run(program).warnings == []


def test_our_own_edge_function_is_not_warned_of_twice():
    def program():
        args = {"zip_path": "edge.zip", "handler": "handlers.edge.handler", "runtime": "python3.10"}
        url = "https://abc.lambda-url.ap-northeast-1.on.aws/"
        EdgeTrigger("edge", {**args, "function_name": "f", "function_url": url})

    assert len([warning for warning in run(program).warnings if "E3-LEAVING" in warning]) == 1


# Who lets whom in


def two_urls(swapped=False, of_other=False, timeouts=(30, 30)):
    """Two functions, each with a URL behind a distribution of its own and, unless something is wrong, permissions."""

    def program():
        access = aws.cloudfront.OriginAccessControl(
            "o", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4"
        )
        functions, distributions = [], []
        for number, timeout in enumerate(timeouts):
            function = by_hand(f"f{number}", timeout=timeout)
            url = aws.lambda_.FunctionUrl(f"u{number}", function_name=function.name, authorization_type="AWS_IAM")
            origin = {
                **DISTRIBUTION_BASE["origins"][0],
                "domain_name": url.function_url.apply(lambda known: known.split("/")[2]),
                "origin_access_control_id": access.id,
            }
            functions.append(function)
            distributions.append(
                aws.cloudfront.Distribution(f"d{number}", **{**DISTRIBUTION_BASE, "origins": [origin]})
            )
        for number, function in enumerate(functions):
            for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
                aws.lambda_.Permission(
                    f"{action}{number}",
                    action=action,
                    function=(functions[0] if of_other else function).arn,
                    principal="cloudfront.amazonaws.com",
                    source_arn=distributions[1 - number if swapped else number].arn,
                )

    return program


@pytest.mark.parametrize("preview", [True, False])
def test_permissions_are_those_of_this_function_and_this_distribution(preview):
    assert run(two_urls(), preview=preview).warnings == []
    told = set(broken(two_urls(swapped=True), preview=preview))
    # What comes out of resources is told as it comes to be known: the first to be known ends the run.
    assert told
    assert told <= {("CF-OAC-PERMISSIONS", f"aws:lambda/functionUrl:FunctionUrl 'u{number}'") for number in (0, 1)}
    assert set(broken(two_urls(of_other=True), preview=preview)) == {
        ("CF-OAC-PERMISSIONS", "aws:lambda/functionUrl:FunctionUrl 'u1'")
    }


def test_each_origin_is_held_against_the_function_behind_it():
    (warning,) = run(two_urls(timeouts=(30, 31))).warnings
    assert "'u1'" in warning
    assert "[CF-ORIGIN-SHORT]" in warning


def test_permission_may_name_the_function_in_any_way():
    def program(function_of):
        def build():
            function = aws.lambda_.Function("f", name="fixed", **FUNCTION_BASE)
            url = aws.lambda_.FunctionUrl("u", function_name=function.name, authorization_type="AWS_IAM")
            access = aws.cloudfront.OriginAccessControl(
                "o", origin_access_control_origin_type="lambda", signing_behavior="always", signing_protocol="sigv4"
            )
            origin = {
                **DISTRIBUTION_BASE["origins"][0],
                "domain_name": url.function_url.apply(lambda known: known.split("/")[2]),
                "origin_access_control_id": access.id,
            }
            distribution = aws.cloudfront.Distribution("d", **{**DISTRIBUTION_BASE, "origins": [origin]})
            for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
                aws.lambda_.Permission(
                    action,
                    action=action,
                    function=function_of(function, url),
                    principal="cloudfront.amazonaws.com",
                    source_arn=distribution.arn,
                )

        return build

    for right in (lambda f, _: f.name, lambda f, _: f.arn, lambda _, u: u.function_name, lambda *_: "fixed"):
        assert run(program(right)).warnings == []
    assert rules_of(program(lambda *_: "another")) == ["CF-OAC-PERMISSIONS"]


def with_policy(cls, origin_type="lambda", **config):
    def program():
        access = aws.cloudfront.OriginAccessControl(
            "o", origin_access_control_origin_type=origin_type, signing_behavior="never", signing_protocol="sigv4"
        )
        none = {"cookie_behavior": "none"}
        if cls is aws.cloudfront.OriginRequestPolicy:
            policy = cls(
                "p",
                cookies_config=none,
                query_strings_config={"query_string_behavior": "all"},
                headers_config=config,
            )
            field = {"origin_request_policy_id": policy.id}
        else:
            key = {
                "cookies_config": none,
                "query_strings_config": {"query_string_behavior": "none"},
                "headers_config": config,
            }
            policy = cls("p", parameters_in_cache_key_and_forwarded_to_origin=key)
            field = {"cache_policy_id": policy.id}
        origin = {**DISTRIBUTION_BASE["origins"][0], "origin_access_control_id": access.id}
        if origin_type != "lambda":
            origin["domain_name"] = "www.example.com"
        aws.cloudfront.Distribution(
            "d",
            **{**DISTRIBUTION_BASE, "origins": [origin], "default_cache_behavior": {**BEHAVIOR, **field}},
        )

    return program


POLICY, KEY = aws.cloudfront.OriginRequestPolicy, aws.cloudfront.CachePolicy


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (POLICY, {"header_behavior": "allViewer"}),
        (POLICY, {"header_behavior": "allViewerAndWhitelistCloudFront", "headers": {"items": ["CloudFront-Is-Ipv6"]}}),
        (POLICY, {"header_behavior": "whitelist", "headers": {"items": ["Accept", "HOST"]}}),
        (POLICY, {"header_behavior": "allExcept", "headers": {"items": ["Cookie"]}}),
        (KEY, {"header_behavior": "whitelist", "headers": {"items": ["Host"]}}),
    ],
)
def test_a_policy_that_forwards_host_to_a_function_url(cls, config):
    assert rules_of(with_policy(cls, **config)) == ["CF-HOST"]
    assert run(with_policy(cls, "s3", **config)).warnings == []


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (POLICY, {"header_behavior": "none"}),
        (POLICY, {"header_behavior": "whitelist", "headers": {"items": ["Accept"]}}),
        (POLICY, {"header_behavior": "allExcept", "headers": {"items": ["host"]}}),
        (KEY, {"header_behavior": "whitelist", "headers": {"items": ["Authorization"]}}),
    ],
)
def test_a_policy_that_keeps_host_away(cls, config):
    assert run(with_policy(cls, **config)).warnings == []


# Regions


def test_the_provider_of_a_resource_tells_its_region():
    def program(region):
        def build():
            provider = aws.Provider("p", region=region)
            associated(region=None, opts=pulumi.ResourceOptions(provider=provider))()

        return build

    assert run(program("us-east-1")).warnings == []
    assert rules_of(program("eu-west-1")) == ["E1"]


def code_in(region, by_name=False):
    def program():
        opts = pulumi.ResourceOptions(provider=alicloud.Provider("p", region=region))
        bucket = oss.Bucket("b", bucket="the-code", opts=opts)
        name = "the-code" if by_name else bucket.bucket
        code = {"oss_bucket_name": name, "oss_object_name": "code.zip"}
        fc.V3Function("f", handler="h", runtime="custom.debian10", code=code)

    return program


@pytest.mark.parametrize("by_name", [True, False])
def test_code_of_function_compute_is_in_its_region(by_name):
    assert run(code_in("cn-hongkong", by_name)).warnings == []
    assert broken(code_in("cn-hangzhou", by_name)) == [("FC-CODE-REGION", "alicloud:oss/bucket:Bucket 'b'")]


def triggered(function_in="cn-hongkong", bucket_in="cn-hongkong"):
    def program():
        regions = {
            region: pulumi.ResourceOptions(provider=alicloud.Provider(region, region=region))
            for region in {function_in, bucket_in}
        }
        bucket = oss.Bucket("b", bucket="the-source", opts=regions[bucket_in])
        function = fc.V3Function(
            "f", function_name="f", handler="h", runtime="custom.debian10", opts=regions[function_in]
        )
        fc.V3Trigger(
            "t",
            function_name=function.function_name,
            qualifier="LATEST",
            trigger_type="oss",
            trigger_config='{"events": ["oss:ObjectCreated:PutObject"], "filter": {"key": {"prefix": "in/"}}}',
            source_arn=bucket.id.apply(lambda name: f"acs:oss::1234567890123456:{name}"),
        )

    return program


@pytest.mark.parametrize("preview", [True, False])
def test_a_trigger_is_where_its_function_and_its_bucket_are(preview):
    assert run(triggered(), preview=preview).warnings == []
    assert rules_of(triggered(function_in="cn-hangzhou"), preview=preview) == ["FC-TRIGGER-REGION"]
    assert rules_of(triggered(bucket_in="cn-hangzhou"), preview=preview) == ["OSS-TRIGGER-REGION"]


def test_only_a_trigger_of_oss_needs_a_role_for_oss():
    def program():
        role = ram.Role("r", assume_role_policy_document=trust("log.aliyuncs.com", version="1"))
        fc.V3Trigger("t", function_name="f", qualifier="LATEST", trigger_type="log", invocation_role=role.arn)

    assert run(program).warnings == []

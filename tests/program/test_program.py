"""The whole program on mocks, for each stack file that the repository holds, and with either cloud switched off.

Does not prove that the CLI reads the project file alike, that zips are built, or that a cloud takes anything.
"""

from __future__ import annotations

import pulumi
import pytest

from rules.finding import Finding, UserError
from rules.rule import Report
from tests.support.mocks import DISTRIBUTION_DOMAIN, DISTRIBUTION_ID, URL_ID
from tests.support.stacks import ROOT, project_defaults, stack_config

AWS_OUTPUTS = {
    "cloudfront_url",
    "function_url",
    "function_arn",
    "function_name",
    "edge_version_arn",
    "distribution_id",
}
FC_OUTPUTS = {"fc_url", "fc_function_name"}
CDN_OUTPUTS = {"cdn_url", "cdn_cname"}
SITE_OUTPUTS = {"source_bucket", "source_prefix", "site_bucket", "site_function_name"}
COMPONENTS = {
    "isthmus": "isthmus:index:LambdaCustomRuntime",
    "isthmus-edge": "isthmus:index:EdgeTrigger",
    "isthmus-fc": "isthmus:index:FcWebFunction",
    "isthmus-cdn": "isthmus:index:Cdn",
}
DEPLOYED = {"demo": {"isthmus-cdn": "isthmus:index:Cdn", "isthmus-build": "isthmus:index:FcWebFunction"}}
"""What a stack deploys where it is not COMPONENTS; a site build and the function inside it share their name."""
STACKS = sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))


def components(deployment):
    return {each.name: each.type for each in deployment.resources if not each.custom}


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_deploys_everything_without_a_warning(program, stack, preview):
    deployment = program(stack_config(stack), preview=preview)
    expected = DEPLOYED.get(stack, COMPONENTS)
    assert components(deployment) == expected
    assert {each.parent for each in deployment.resources if each.custom} == set(expected)
    assert deployment.warnings == []


def test_outputs_of_the_local_stack(program):
    outputs = program(stack_config("local")).outputs
    assert set(outputs) == AWS_OUTPUTS | FC_OUTPUTS | CDN_OUTPUTS | {"code_sha256"}
    assert outputs["cloudfront_url"] == f"https://{DISTRIBUTION_DOMAIN}/"
    assert outputs["function_url"] == f"https://{URL_ID}.lambda-url.ap-northeast-1.on.aws/"
    assert outputs["function_name"] == "isthmus-1a2b3c4"
    assert outputs["function_arn"].endswith(":function:isthmus-1a2b3c4")
    assert outputs["edge_version_arn"].startswith("arn:aws:lambda:us-east-1:")
    assert outputs["edge_version_arn"].endswith(":1")
    assert outputs["distribution_id"] == DISTRIBUTION_ID
    assert outputs["fc_url"].endswith(".cn-hongkong.fcapp.run")
    assert outputs["fc_function_name"].startswith("isthmus-test-")
    assert outputs["cdn_url"] == "http://site.isthmus.test/"
    assert outputs["cdn_cname"] == "site.isthmus.test.w.kunlunsl.com"
    assert len(outputs["code_sha256"]) == 64


def test_without_a_domain_there_is_no_cdn(program):
    deployment = program(project_defaults())
    assert set(deployment.outputs) == AWS_OUTPUTS | FC_OUTPUTS | {"code_sha256"}
    assert "isthmus-cdn" not in components(deployment)


def test_a_site_build_beside_the_function(program, asset):
    deployment = program({**stack_config("local"), "isthmus:application": "both"})
    kinds = {each.type for each in deployment.resources if not each.custom}
    assert kinds == {*COMPONENTS.values(), "isthmus:index:SiteBuild"}
    assert set(deployment.outputs) == AWS_OUTPUTS | FC_OUTPUTS | CDN_OUTPUTS | SITE_OUTPUTS | {"code_sha256"}
    assert deployment.outputs["source_prefix"] == "projects/"
    assert len({deployment.outputs["source_bucket"], deployment.outputs["site_bucket"]}) == 2
    assert asset.asked[0] == ("function", ROOT, "handlers.hello.handler", "handlers.site_build.handler")
    handlers = {each.inputs["handler"] for each in deployment.of_type("alicloud:fc/v3Function:V3Function")}
    assert handlers == {"handlers.hello.handler", "handlers.site_build.handler"}
    left_to_the_build = {"isthmus-cdn-first-page", "isthmus-cdn-assets-ttl"}
    assert left_to_the_build.isdisjoint(each.name for each in deployment.resources)
    assert deployment.warnings == []


def test_a_site_build_alone_leaves_aws_alone_and_says_so(program, asset, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", told.append)
    deployment = program({**stack_config("local"), "isthmus:application": "site_build"})
    assert set(deployment.outputs) == CDN_OUTPUTS | SITE_OUTPUTS | {"code_sha256"}
    assert not [each for each in deployment.resources if each.type.startswith("aws:")]
    assert asset.asked == [("function", ROOT, "handlers.site_build.handler")]
    assert asset.plans == [("host", "", "", ["debian10"])]
    assert told == ["AWS gets nothing: site_build runs on Alibaba Cloud alone, whose image has Node.js."]


def test_without_aws_there_is_nothing_to_say_of_it(program, asset, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", told.append)
    program({**stack_config("local"), "isthmus:application": "site_build", "isthmus:aws": False})
    assert told == []


def test_without_aws(program, asset):
    deployment = program({**stack_config("local"), "isthmus:aws": False})
    assert set(deployment.outputs) == FC_OUTPUTS | CDN_OUTPUTS | {"code_sha256"}
    assert not [each for each in deployment.resources if each.type.startswith("aws:")]
    assert [what for what, *_ in asset.asked] == ["function"]


def test_without_alibaba(program):
    deployment = program({**stack_config("local"), "isthmus:alibaba": False})
    assert set(deployment.outputs) == AWS_OUTPUTS | {"code_sha256"}
    assert not [each for each in deployment.resources if each.type.startswith("alicloud:")]


def test_both_clouds_get_the_same_zip_and_the_same_settings(program, asset):
    deployment = program({**project_defaults(), "isthmus:memoryMb": 1024, "isthmus:timeoutS": 60})
    (on_fc,) = deployment.of_type("alicloud:fc/v3Function:V3Function")
    on_lambda = deployment.named("isthmus", "lambda/function")
    stored = deployment.named("isthmus-fc-code-zip")
    assert on_lambda.inputs["code"].path == stored.inputs["source"] == "function.zip"
    assert on_lambda.inputs["handler"] == on_fc.inputs["handler"] == "handlers.hello.handler"
    assert on_lambda.inputs["memorySize"] == on_fc.inputs["memorySize"] == 1024
    assert on_lambda.inputs["timeout"] == on_fc.inputs["timeout"] == 60
    origin = deployment.named("isthmus-edge-distribution").inputs["origins"][0]
    assert origin["customOriginConfig"]["originReadTimeout"] == 60
    assert asset.asked == [
        ("function", ROOT, "handlers.hello.handler"),
        ("edge", ROOT, "handlers.edge.handler"),
    ]


def test_the_zip_is_built_for_the_clouds_that_are_on(program, asset):
    program({**project_defaults(), "isthmus:interpreter": "wheel", "isthmus:alibaba": False})
    program({**project_defaults(), "isthmus:architecture": "x86_64", "isthmus:aws": False})
    program({**project_defaults(), "isthmus:interpreter": "none", "isthmus:bootstrapPath": "target/hello"})
    assert asset.plans == [
        ("wheel", "", "", ["al2023"]),
        ("host", "x86_64", "", ["debian10"]),
        ("none", "", "target/hello", ["al2023", "debian10"]),
    ]


def test_what_the_components_of_both_clouds_refuse_is_told_together(program, asset, monkeypatch):
    told = []
    monkeypatch.setattr("pulumi.log.error", told.append)
    monkeypatch.setattr("components.settings._check", lambda _: Report())  # so that the components find it
    with pytest.raises(SystemExit) as ended:
        program({**stack_config("local"), "isthmus:memoryMb": 1, "isthmus:edgeRuntime": "java21"})
    assert ended.value.code == 32
    rules = [sentence.rpartition("[")[2].rstrip("]") for sentence in told]
    assert rules == ["LAMBDA-MEMORY", "E3", "FC-MEMORY"]


def test_names_that_all_accounts_share_are_told_apart(program):
    deployment = program(stack_config("local"))
    names = [each.inputs["bucket"] for each in deployment.of_type("alicloud:oss/bucket:Bucket")]
    names += [each.inputs["projectName"] for each in deployment.of_type("alicloud:log/project:Project")]
    assert len(set(names)) == 3
    assert all(len(name.rpartition("-")[2]) == 8 for name in names)


def test_what_both_builds_find_is_told_together_in_a_sentence_each(program, asset, monkeypatch):
    def failing(field):
        def build(root, handler, *others, **options):
            raise UserError([Finding("HANDLER-MODULE", "asset", field, handler, "a module", "correct the name")])

        return build

    asset.build_function, asset.build_edge = failing("handler"), failing("edgeHandler")
    told = []
    monkeypatch.setattr("pulumi.log.error", told.append)
    with pytest.raises(SystemExit) as ended:
        program(project_defaults())
    assert ended.value.code == 32
    assert [sentence.split()[1] for sentence in told] == ["handler", "edgeHandler"]

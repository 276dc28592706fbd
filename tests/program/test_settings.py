"""Settings as they come from a stack's configuration: all that is wrong is told together, under the user's names.

Does not prove that the CLI hands defaults over as Pulumi.yaml declares them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from components.settings import Settings
from components.validation import ProgramError
from tests.support.mocks import deploy
from tests.support.stacks import ROOT, project_defaults, stack_config

DECLARED = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]


@pytest.fixture
def read(configure):
    """Settings from the defaults with some keys replaced; None leaves a key out."""

    def settings(**changed: object) -> Settings:
        configure({**project_defaults(), **{key.replace("__", ":"): value for key, value in changed.items()}})
        kept: list[Settings] = []
        deploy(lambda: kept.append(Settings.from_config()))
        return kept[0]

    return settings


@pytest.fixture
def refused(read):
    """The (rule, key) pairs of what is found wrong."""

    def findings(**changed: object) -> list[tuple[str, str]]:
        with pytest.raises(ProgramError) as error:
            read(**{f"isthmus__{key}" if "__" not in key else key: value for key, value in changed.items()})
        assert all(finding.component == "settings" for finding in error.value.findings)
        return [(finding.rule, finding.field) for finding in error.value.findings]

    return findings


def test_the_defaults_are_sound(read):
    assert read() == Settings(
        aws=True,
        alibaba=True,
        application="hello",
        handler="handlers.hello.handler",
        interpreter="host",
        architecture="",
        bootstrap_path="",
        edge_handler="handlers.edge.handler",
        edge_event="origin-request",
        edge_runtime="python3.13",
        memory_mb=512,
        timeout_s=30,
        log_retention_days=14,
        streaming=False,
        fc_auth="function",
        fc_concurrency=20,
        cdn_domain="",
        cdn_scope="overseas",
        cdn_certificate_id="",
        cdn_private_origin_role=False,
        site_memory_mb=4096,
        site_timeout_s=900,
        site_prune=False,
        force_destroy=False,
        rules_off=(),
        aws_region="ap-northeast-1",
        alicloud_region="cn-hongkong",
    )


def test_settings_are_frozen(read):
    with pytest.raises(dataclasses.FrozenInstanceError):
        read().aws = False


def test_the_project_file_declares_each_key_with_type_default_and_description():
    own = {key: spec for key, spec in DECLARED.items() if ":" not in key}
    camel = {
        re.sub(r"_(.)", lambda match: match[1].upper(), field.name): field for field in dataclasses.fields(Settings)
    }
    assert set(own) | {"awsRegion", "alicloudRegion"} == set(camel)
    types = {"bool": "boolean", "int": "integer", "str": "string", "tuple[str, ...]": "array"}
    for key, spec in own.items():
        assert spec["type"] == types[str(camel[key].type)]
        assert "default" in spec
        assert spec["description"].endswith(".")


@pytest.mark.parametrize("stack", ["local", "example"])
def test_the_stack_files_are_sound(configure, stack):
    configure(stack_config(stack))
    deploy(Settings.from_config)


@pytest.mark.parametrize(
    ("key", "value", "rules"),
    [
        ("aws", "yes", ["SETTINGS-TYPE"]),
        ("memoryMb", "half", ["SETTINGS-TYPE"]),
        ("memoryMb", "512.0", ["SETTINGS-TYPE"]),
        ("memoryMb", None, ["SETTINGS-TYPE"]),
        ("memoryMb", 10_304, ["LAMBDA-MEMORY"]),
        ("memoryMb", 500, ["FC-MEMORY"]),
        ("memoryMb", 0, ["LAMBDA-MEMORY", "FC-MEMORY"]),
        ("timeoutS", 121, ["CF-ORIGIN-TIMEOUT"]),
        ("logRetentionDays", 8, ["LAMBDA-LOG-RETENTION"]),
        ("handler", "hello", ["LAMBDA-HANDLER", "FC-HANDLER"]),
        ("interpreter", "conda", ["INTERPRETER-SOURCE"]),
        ("interpreter", "none", ["INTERPRETER-BOOTSTRAP"]),
        ("architecture", "aarch64", ["INTERPRETER-ARCHITECTURE"]),
        ("bootstrapPath", "target", ["INTERPRETER-BOOTSTRAP"]),
        ("edgeHandler", "edge", ["E-HANDLER"]),
        ("edgeEvent", "request", ["E-EVENT"]),
        ("edgeRuntime", "provided.al2023", ["E3"]),
        ("edgeRuntime", "nodejs22.x", ["EDGE-PYTHON"]),
        ("fcAuth", "none", ["FC-AUTH"]),
        ("fcConcurrency", 0, ["FC-CONCURRENCY"]),
        ("cdnDomain", "example", ["CDN-DOMAIN"]),
        ("cdnPrivateOriginRole", 1, ["SETTINGS-TYPE"]),
        ("application", "site-build", ["SITE-APPLICATION"]),
        ("application", "both", ["SITE-DOMAIN"]),
        ("siteMemoryMb", 100, ["FC-MEMORY"]),
        ("siteTimeoutS", 0, ["FC-TIMEOUT"]),
        ("forceDestroy", "all", ["SETTINGS-TYPE"]),
        ("rulesOff", "E3", ["SETTINGS-TYPE"]),
        ("rulesOff", [3], ["SETTINGS-TYPE"]),
        ("rulesOff", ["E33"], ["SETTINGS-RULE"]),
    ],
)
def test_a_wrong_value_is_told_under_its_key(refused, key, value, rules):
    told_under = {"INTERPRETER-BOOTSTRAP": "bootstrapPath"}
    assert refused(**{key: value}) == [(rule, f"isthmus:{told_under.get(rule, key)}") for rule in rules]


def test_regions_are_told_under_the_providers_keys(refused):
    found = refused(aws__region="cn-north-1", alicloud__region="cn-guangzhou")
    assert found == [("AWS-REGION", "aws:region"), ("FC-REGION", "alicloud:region")]


def test_the_scope_is_checked_where_there_is_a_domain(refused, read):
    assert refused(cdnDomain="www.example.com", cdnScope="mars") == [("CDN-SCOPE", "isthmus:cdnScope")]
    assert read(isthmus__cdnScope="mars").cdn_domain == ""


def test_all_that_is_wrong_is_told_together(refused):
    found = refused(aws="perhaps", memoryMb=100, fcAuth="none", fcConcurrency="many", memryMb=1)
    assert found == [
        ("SETTINGS-KEY", "key"),
        ("SETTINGS-TYPE", "isthmus:aws"),
        ("SETTINGS-TYPE", "isthmus:fcConcurrency"),
        ("FC-MEMORY", "isthmus:memoryMb"),
        ("FC-AUTH", "isthmus:fcAuth"),
    ]


def test_a_misspelt_key_is_told_with_the_right_one(configure):
    configure({**project_defaults(), "isthmus:memoryMB": 1024})
    with pytest.raises(ProgramError, match=r"isthmus:memoryMB.*where isthmus:memoryMb may be meant"):
        deploy(Settings.from_config)


def test_a_site_is_built_on_alibaba_cloud(refused, read):
    found = refused(application="site_build", alibaba=False, cdnDomain="www.example.com")
    assert found == [("SITE-CLOUD", "isthmus:application")]
    settings = read(isthmus__application="site_build", isthmus__cdnDomain="www.example.com")
    assert (settings.has_hello, settings.has_site_build, settings.on_aws) == (False, True, False)


def test_one_cloud_must_be_left(refused):
    assert refused(aws=False, alibaba=False) == [("SETTINGS-CLOUDS", "isthmus:aws and isthmus:alibaba")]


def test_a_cloud_that_is_off_has_no_say(read):
    assert read(isthmus__alibaba=False, isthmus__memoryMb=500, isthmus__logRetentionDays=0).memory_mb == 500
    assert read(isthmus__aws=False, isthmus__timeoutS=3600, isthmus__logRetentionDays=8).timeout_s == 3600


@effort(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(sorted(key for key in DECLARED if ":" not in key)), st.text(max_size=12)))
def test_any_text_is_read_or_told_of_never_a_traceback(read, given_texts):
    with contextlib.suppress(ProgramError):
        read(**{f"isthmus__{key}": value for key, value in given_texts.items()})

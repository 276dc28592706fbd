"""Rules under inputs that nobody thought of: any shape, any name, any policy.

Does not prove that an accepted value is accepted by a cloud.
"""

from __future__ import annotations

import json
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import documents, names, secrets
from rules.given import UNKNOWN, Given
from rules.resources import KINDS, Link, Resource, check_stack
from rules.rule import check
from rules.s3 import TABLE as S3
from tests.rules.resource_cases import CASES, inputs

LOWER = string.ascii_lowercase + string.digits
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = {
    type_: sorted(
        {name for kind, right, wrong in CASES.values() if kind == type_ for each in (*right, *wrong) for name in each}
    )
    for type_ in KINDS
}


LINKED_INPUTS = (
    *("role", "invocation_role", "function_name", "function", "source_arn", "s3_bucket", "s3_key", "bucket"),
    *("code.oss_bucket_name", "code.oss_object_name", "viewer_certificate.acm_certificate_arn"),
    *("origins[0].domain_name", "origins[0].origin_access_control_id"),
    *(f"default_cache_behavior.{name}" for name in ("cache_policy_id", "origin_request_policy_id")),
    "default_cache_behavior.lambda_function_associations[0].lambda_arn",
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_shape_of_inputs_breaks_a_rule(data):
    type_ = data.draw(st.sampled_from(sorted(KINDS)))
    fields = FIELDS[type_] or ["name"]
    given_ = inputs(type_, data.draw(st.dictionaries(st.sampled_from(fields), JSON, max_size=4)))
    resource = Resource(type_, "x", Given(given_, {"aws_region": "eu-west-1", "alicloud_region": "cn-hongkong"}))
    other = data.draw(st.sampled_from(sorted(KINDS)))
    linked = Resource(other, "y", Given(inputs(other, {})))
    output = data.draw(st.sampled_from(["arn", ""]))
    resource.links.update({path: (Link(linked, output),) for path in LINKED_INPUTS})
    report = resource.check() + check_stack([resource, linked])
    assert all(str(finding) for finding in (*report.errors, *report.warnings))


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=6), JSON, max_size=4), st.text(max_size=12))
def test_what_is_unknown_is_never_told(values, path):
    assert Given(values).get(path) is not UNKNOWN


@given(st.text(LOWER, min_size=3, max_size=63))
def test_plain_bucket_names_are_accepted(name):
    if not name.startswith(("xn", "sthree")):
        assert check(S3, {"bucket": name}, "x").errors == ()


@given(st.text(LOWER, min_size=3, max_size=62), st.characters(blacklist_characters=f"{LOWER}.-"), st.data())
def test_one_foreign_character_spoils_a_bucket_name(name, foreign, data):
    at = data.draw(st.integers(0, len(name)))
    assert check(S3, {"bucket": name[:at] + foreign + name[at:]}, "x").errors


@given(st.lists(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True), min_size=1, max_size=4))
def test_labels_joined_by_dots_are_a_domain(labels):
    assert re.fullmatch(names.DOMAIN, ".".join([*labels, "com"]))


STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]), "Action": st.sampled_from(["s3:GetObject", ["a:B", "c:D"]])},
    optional={"Resource": st.just("arn:aws:s3:::b/*"), "Sid": st.text(string.ascii_letters, min_size=1)},
)


@given(st.lists(STATEMENTS, min_size=1, max_size=3) | STATEMENTS, st.booleans())
def test_narrow_documents_are_accepted_as_text_and_as_objects(statements, as_text):
    document = {"Version": "2012-10-17", "Statement": statements}
    facts = {"document": json.dumps(document) if as_text else document, "reason": False}
    report = check(documents.document_rules("IAM", "document"), facts, "x")
    assert (report.errors, report.warnings) == ((), ())


@given(st.text(max_size=40))
def test_any_text_can_be_read_as_a_document(text):
    assert documents.read(text) is None or isinstance(documents.read(text), dict)
    documents.trusted_services(text)


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=60)))
def test_a_finding_about_credentials_shows_names_only(variables):
    for found in (secrets.credentials(variables), secrets.suspects(variables)):
        assert set(found) <= set(variables)


@pytest.mark.parametrize("value", ["AKIA" + "IOSFODNN7EXAMPLE", "LTAI" + "5tAbCdEfGhIjKlMnOpQr"])
@given(before=st.text(max_size=5), after=st.text(max_size=5))
def test_a_key_is_found_inside_other_text(value, before, after):
    assert secrets.credentials({"A": before + value + after}) == ["A"]

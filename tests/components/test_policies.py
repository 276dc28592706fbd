"""Policy documents: exact permissions, and what holds for every argument.

Does not prove that IAM or RAM evaluates them as intended.
"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from components import policies

GROUP = "arn:aws:logs:ap-northeast-1:123456789012:log-group:web-1"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:edge"
buckets = st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True)
folders = st.lists(st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True), max_size=3)
prefixes = st.builds(lambda bucket, parts: "/".join([bucket, *parts, ""]), buckets, folders)


def statements(document: str) -> list[dict]:
    return json.loads(document)["Statement"]


def test_documents_are_the_same_text_each_time_and_of_the_right_language():
    iam = [policies.lambda_trust(), policies.edge_trust(), policies.lambda_logs(GROUP), policies.edge_logs(FUNCTION)]
    ram = [
        policies.fc_trust(),
        policies.cdn_trust(),
        policies.fc_function("p", "l", [], []),
        policies.cdn_private_origin("b"),
    ]
    for document in (*iam, *ram):
        assert document == json.dumps(json.loads(document), sort_keys=True)
    assert {json.loads(document)["Version"] for document in iam} == {"2012-10-17"}
    assert {json.loads(document)["Version"] for document in ram} == {"1"}


def test_only_the_edge_role_is_trusted_by_two_services():
    trusted = {
        policies.lambda_trust: ["lambda.amazonaws.com"],
        policies.edge_trust: ["lambda.amazonaws.com", "edgelambda.amazonaws.com"],
        policies.fc_trust: ["fc.aliyuncs.com"],
        policies.cdn_trust: ["cdn.aliyuncs.com"],
        policies.oss_trust: ["oss.aliyuncs.com"],
    }
    for trust, services in trusted.items():
        (statement,) = statements(trust())
        assert statement == {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}


def test_edge_logs_keep_the_partition_and_the_account():
    (statement,) = statements(policies.edge_logs(FUNCTION))
    assert statement["Resource"][0] == "arn:aws:logs:*:123456789012:log-group:/aws/lambda/us-east-1.edge:*"


def test_exact_bucket_permissions():
    document = policies.fc_function("p", "l", ["src/new/"], ["site/"])
    assert statements(document)[1:] == [
        {"Effect": "Allow", "Action": ["oss:ListObjects"], "Resource": ["acs:oss:*:*:site"]},
        {
            "Effect": "Allow",
            "Action": ["oss:ListObjects"],
            "Resource": ["acs:oss:*:*:src"],
            "Condition": {"StringLike": {"oss:Prefix": ["new/*"]}},
        },
        {"Effect": "Allow", "Action": ["oss:GetObject"], "Resource": ["acs:oss:*:*:src/new/*"]},
        {
            "Effect": "Allow",
            "Action": [
                "oss:AbortMultipartUpload",
                "oss:DeleteObject",
                "oss:GetObject",
                "oss:ListParts",
                "oss:PutObject",
            ],
            "Resource": ["acs:oss:*:*:site/*"],
        },
    ]


@given(st.lists(prefixes, max_size=4), st.lists(prefixes, max_size=4))
def test_nothing_outside_the_prefixes_is_granted(read, write):
    document = policies.fc_function("p", "l", read, write)
    for statement in statements(document)[1:]:
        writes = "oss:PutObject" in statement["Action"]
        allowed = write if writes else [*read, *write]
        for resource in statement["Resource"]:
            granted = resource.removeprefix("acs:oss:*:*:").removesuffix("*")
            if statement["Action"] == ["oss:ListObjects"]:
                (folder,) = statement.get("Condition", {"StringLike": {"oss:Prefix": ["*"]}})["StringLike"][
                    "oss:Prefix"
                ]
                granted = f"{granted}/{folder.removesuffix('*')}"
            assert granted in allowed


@given(st.lists(prefixes, max_size=4), st.lists(prefixes, max_size=4), st.randoms())
def test_the_order_of_prefixes_does_not_matter(read, write, random):
    before = policies.fc_function("p", "l", read, write)
    random.shuffle(read)
    random.shuffle(write)
    assert policies.fc_function("p", "l", read, write) == before

"""In which regions the parts of this project exist."""

from __future__ import annotations

from rules.rule import Rule, listed, matches, one_of

FC_REGIONS = (
    "cn-hangzhou",
    "cn-shanghai",
    "cn-qingdao",
    "cn-beijing",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-wulanchabu",
    "cn-shenzhen",
    "cn-chengdu",
    "cn-hongkong",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-7",
    "ap-northeast-1",
    "ap-northeast-2",
    "eu-central-1",
    "eu-west-1",
    "us-east-1",
    "us-west-1",
    "me-central-1",
)

AWS = (
    Rule(
        id="AWS-REGION",
        facts=("aws_region",),
        holds=matches(r"(?!cn-|us-gov-|us-iso)[a-z]{2}(-[a-z]+)+-\d"),
        accepts="a Region of the partition `aws`, such as ap-northeast-1, since Lambda@Edge needs us-east-1 beside it",
        remedy="choose a Region outside China, GovCloud and the isolated partitions",
        source="CloudFront Developer Guide, Restrictions on Lambda@Edge",
    ),
)

ALIBABA = (
    Rule(
        id="FC-REGION",
        facts=("region",),
        holds=one_of(FC_REGIONS),
        accepts=f"a region with Function Compute 3.0: {listed(FC_REGIONS)}",
        remedy="choose one of these",
        source="Function Compute, Regions",
    ),
)

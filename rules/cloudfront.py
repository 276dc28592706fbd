"""What CloudFront accepts of a distribution in front of a function URL."""

from __future__ import annotations

from rules.names import DOMAIN
from rules.rule import Rule, between, matches

_ALTERNATE_NAMES = "CloudFront Developer Guide, Requirements for using alternate domain names"

TABLE = (
    Rule(
        id="CF-ORIGIN-TIMEOUT",
        facts=("origin_timeout_s",),
        holds=between(1, 120),
        accepts="a whole number from 1 to 120 (seconds)",
        remedy="choose a time in that range; CloudFront answers 504 for an origin that takes longer",
        source="CloudFront Developer Guide, Quotas",
    ),
    Rule(
        id="CF-FUNCTION-URL",
        facts=("function_url",),
        holds=matches(r"https://[a-z0-9]+\.lambda-url\.[a-z0-9-]+\.on\.aws/?"),
        accepts="a function URL, https://<url-id>.lambda-url.<region>.on.aws/",
        remedy="pass the `function_url` of a FunctionUrl",
        source="Lambda Developer Guide, Invoking Lambda function URLs",
    ),
    Rule(
        id="CF-DOMAIN",
        facts=("domain_name",),
        holds=matches(rf"(\*\.)?{DOMAIN}"),
        accepts="a host name in lower case, such as www.example.com",
        remedy="write the name without scheme, port or path",
        source=_ALTERNATE_NAMES,
    ),
    Rule(
        id="CF-DOMAIN-CERTIFICATE",
        facts=("domain_name", "has_certificate"),
        holds=lambda _domain, has_certificate: has_certificate,
        accepts="left out, unless `certificate_arn` covers it",
        remedy="pass the ARN of an ACM certificate for that name",
        source=_ALTERNATE_NAMES,
    ),
    Rule(
        id="CF-CERTIFICATE-DOMAIN",
        facts=("certificate_arn", "has_domain"),
        holds=lambda _arn, has_domain: has_domain,
        accepts="left out, unless `domain_name` says for which name it is",
        remedy="pass the domain name that the certificate covers",
        source=_ALTERNATE_NAMES,
    ),
    Rule(
        id="CF-CERTIFICATE-REGION",
        facts=("certificate_arn",),
        holds=matches(r"arn:aws:acm:us-east-1:\d{12}:certificate/[A-Za-z0-9-]+"),
        accepts="the ARN of an ACM certificate in us-east-1",
        remedy="request or import the certificate in us-east-1, where CloudFront looks for it",
        source="CloudFront Developer Guide, Requirements for using SSL/TLS certificates with CloudFront",
    ),
)

"""What ACM accepts of a certificate's names."""

from __future__ import annotations

from rules.names import DOMAIN
from rules.rule import Rule, matches, one_of

_REQUEST = "ACM API Reference, RequestCertificate"
_is_name = matches(rf"(\*\.)?{DOMAIN}")

TABLE = (
    Rule(
        id="ACM-DOMAIN",
        facts=("domain_name",),
        holds=_is_name,
        accepts="a host name in lower case, such as www.example.com or *.example.com",
        remedy="write the name without scheme, port or path",
        source=_REQUEST,
    ),
    Rule(
        id="ACM-NAMES",
        facts=("subject_alternative_names",),
        holds=lambda names: all(map(_is_name, names)),
        shown=lambda names: [name for name in names if not _is_name(name)],
        accepts="host names in lower case, such as www.example.com or *.example.com",
        remedy="write the names without scheme, port or path",
        source=_REQUEST,
    ),
    Rule(
        id="ACM-VALIDATION",
        facts=("validation_method",),
        holds=one_of(("DNS", "EMAIL", "HTTP")),
        accepts="DNS, EMAIL or HTTP",
        remedy="choose DNS, which renews by itself",
        source=_REQUEST,
    ),
)

AT_THE_EDGE = (
    Rule(
        id="ACM-EDGE-REGION",
        facts=("certificate_region",),
        holds=one_of(["us-east-1"]),
        accepts="us-east-1 for a distribution's certificate",
        remedy='give the certificate and its validation `region="us-east-1"`',
        source="CloudFront Developer Guide, Requirements for using SSL/TLS certificates with CloudFront",
    ),
)

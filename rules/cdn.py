"""What Alibaba Cloud CDN accepts of a domain in front of an OSS bucket."""

from __future__ import annotations

from rules.names import DOMAIN
from rules.oss import bucket_rule
from rules.ram import resource_name_rule
from rules.rule import Rule, listed, matches, one_of

SCOPES = ("domestic", "overseas", "global")

_ADD_DOMAIN = "Alibaba Cloud CDN, Add a domain name"

TABLE = (
    resource_name_rule("resource_name"),
    bucket_rule("bucket_name"),
    Rule(
        id="CDN-DOMAIN",
        facts=("domain_name",),
        holds=matches(DOMAIN),
        accepts="a host name in lower case, such as www.example.com",
        remedy="write the name without scheme, port or path",
        source=_ADD_DOMAIN,
    ),
    Rule(
        id="CDN-ORIGIN",
        facts=("domain_name",),
        holds=lambda domain: not str(domain).endswith((".aliyuncs.com", ".kunlunsl.com", ".kunlunca.com")),
        accepts="a domain of your own, other than the origin's and the CDN's names",
        remedy="choose a name in a zone that you can edit, and point it to the CNAME that the CDN gives",
        source=_ADD_DOMAIN,
    ),
    Rule(
        id="CDN-SCOPE",
        facts=("scope",),
        holds=one_of(SCOPES),
        accepts=listed(SCOPES),
        remedy="choose `overseas` unless the domain has an ICP filing",
        source=_ADD_DOMAIN,
    ),
    Rule(
        id="CDN-ICP",
        facts=("scope", "domain_name"),
        holds=lambda scope, _domain: scope not in ("domestic", "global"),
        shown=lambda scope, domain: f"{scope} for {domain}",
        accepts="overseas, unless the domain has an ICP filing",
        remedy="check the filing first, since it cannot be seen from here and the cloud refuses the domain without it",
        source=_ADD_DOMAIN,
        warning=True,
    ),
)

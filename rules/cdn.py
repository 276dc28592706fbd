"""What Alibaba Cloud CDN accepts of a domain in front of an OSS bucket."""

from __future__ import annotations

import re
from collections.abc import Callable

from rules.names import DOMAIN
from rules.oss import bucket_rule
from rules.ram import resource_name_rule
from rules.rule import Rule, between, listed, matches, one_of

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

_SOURCE_TYPES = ("ipaddr", "domain", "oss", "common")
_ORIGIN_SERVER = "Alibaba Cloud CDN, Configure an origin server"
_FUNCTIONS = "Alibaba Cloud CDN, Parameters for configuring features for domain names"
_OSS_HOST = r"[a-z0-9-]+\.oss-[a-z0-9-]+\.aliyuncs\.com"
_TTL_S = 99_999_999


def _is_number(low: int, high: int) -> Callable[[object], bool]:
    return lambda text: re.fullmatch(r"\d{1,10}", str(text)) is not None and low <= int(str(text)) <= high


WILDCARD_DOMAIN = Rule(
    id="CDN-DOMAIN-NAME",
    facts=("domain_name",),
    holds=matches(rf"(\.|\*\.)?{DOMAIN}"),
    accepts="a host name in lower case, such as www.example.com, or a wildcard such as .example.com",
    remedy="write the name without scheme, port or path",
    source=_ADD_DOMAIN,
)
"""The rule about a domain's name where our component, which needs a single name, does not set it."""

DOMAIN_NEW = (
    Rule(
        id="CDN-TYPE",
        facts=("cdn_type",),
        holds=one_of(("web", "download", "video")),
        accepts="web, download or video",
        remedy="choose web for pages and small files",
        source=_ADD_DOMAIN,
    ),
    Rule(
        id="CDN-SELF",
        facts=("source_contents", "domain_name"),
        holds=lambda contents, domain: domain not in contents,
        accepts="origins other than the domain itself, which would ask itself for ever",
        remedy="name the origin server, such as the bucket's public host",
        source=_ADD_DOMAIN,
    ),
)
SOURCE = (
    Rule(
        id="CDN-SOURCE-TYPE",
        facts=("type",),
        holds=one_of(_SOURCE_TYPES),
        accepts=listed(_SOURCE_TYPES),
        remedy="choose `oss` for a bucket, whose traffic to the CDN then costs less",
        source=_ORIGIN_SERVER,
    ),
    Rule(
        id="CDN-BUCKET-HOST",
        facts=("content", "type"),
        holds=lambda content, kind: kind != "oss" or (matches(_OSS_HOST)(content) and "-internal." not in content),
        accepts="a bucket's public host, <bucket>.oss-<region>.aliyuncs.com",
        remedy="take the bucket's extranet endpoint, not the internal one",
        source=_ORIGIN_SERVER,
    ),
    Rule(
        id="CDN-PORT",
        facts=("port",),
        holds=between(1, 65_535),
        accepts="a whole number from 1 to 65535",
        remedy="choose 443, or 80 for HTTP",
        source=_ORIGIN_SERVER,
    ),
)
"""Rules about one origin of a domain."""

CONFIG = (
    Rule(
        id="CDN-TTL",
        facts=("ttl",),
        holds=_is_number(0, _TTL_S),
        accepts=f"a whole number of seconds from 0 to {_TTL_S}",
        remedy="choose a time in that range; 0 asks the origin each time",
        source=_FUNCTIONS,
    ),
    Rule(
        id="CDN-WEIGHT",
        facts=("weight",),
        holds=_is_number(1, 99),
        accepts="a whole number from 1 to 99",
        remedy="choose a number in that range; the heavier rule wins",
        source=_FUNCTIONS,
    ),
    Rule(
        id="CDN-OSS-AUTH",
        facts=("function_name",),
        holds=lambda name: name != "oss_auth",
        accepts="l2_oss_key for a private bucket; oss_auth is an old label",
        remedy="use l2_oss_key with private_oss_auth=on",
        source=_FUNCTIONS,
    ),
)
"""Rules about one function of a domain's configuration."""

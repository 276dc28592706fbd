"""What must be so of a site build: a function that writes a site out of projects that arrive in OSS."""

from __future__ import annotations

from rules import cdn, fc
from rules.kind import pick
from rules.names import handler_rules
from rules.oss import bucket_rule
from rules.package import CUSTOM_RUNTIME_ZIP
from rules.ram import resource_name_rule
from rules.regions import ALIBABA
from rules.rule import Rule, listed, matches, one_of

APPLICATIONS = ("hello", "site_build", "both")
_WITH_SITE = APPLICATIONS[1:]
_TRIGGER = "Function Compute, OSS triggers"
_FOLDER = r"[^/*?][^*?]*/"


def _apart(site_bucket: str, site_prefix: str, source_bucket: str, source_prefix: str) -> bool:
    if site_bucket != source_bucket:
        return True
    return not site_prefix.startswith(source_prefix) and not source_prefix.startswith(site_prefix)


FOLDERS = (
    Rule(
        id="SITE-SOURCE-PREFIX",
        facts=("source_prefix",),
        holds=matches(_FOLDER),
        accepts="a folder such as projects/, without a leading slash or wildcards",
        remedy="end it with a slash; every object below it is built",
        source=_TRIGGER,
    ),
    Rule(
        id="SITE-PREFIX",
        facts=("site_prefix",),
        holds=matches(rf"({_FOLDER})?"),
        accepts="empty for the whole bucket, or a folder such as docs/, without a leading slash or wildcards",
        remedy="end it with a slash, or leave it out",
        source="Object Storage Service, Common examples of RAM policies",
    ),
    Rule(
        id="SITE-LOOP",
        facts=("site_prefix", "site_bucket_name", "source_bucket_name", "source_prefix"),
        holds=lambda prefix, site, source, watched: _apart(site, prefix, source, watched),
        shown=lambda prefix, site, source, watched: f"{site}/{prefix} where {source}/{watched} triggers the build",
        accepts="outside what triggers the build, since the function would start itself for ever",
        remedy="write the site into another bucket, or give both a folder of their own",
        source="Function Compute, Questions about triggers",
    ),
)
"""Rules about where projects arrive and where the site is written."""

TABLE = (
    *CUSTOM_RUNTIME_ZIP,
    *handler_rules("FC"),
    *ALIBABA,
    resource_name_rule("resource_name"),
    bucket_rule("code_bucket_name"),
    bucket_rule("source_bucket_name"),
    bucket_rule("site_bucket_name"),
    *pick(fc.TABLE, "FC-MEMORY", "FC-TIMEOUT", "FC-LOG-PROJECT", "FC-LOG-RETENTION"),
    *pick(cdn.TABLE, "CDN-DOMAIN", "CDN-ORIGIN"),
    *FOLDERS,
)

SETTINGS = (
    Rule(
        id="SITE-APPLICATION",
        facts=("application",),
        holds=one_of(APPLICATIONS),
        accepts=listed(APPLICATIONS),
        remedy="choose `hello` for the function alone",
    ),
    Rule(
        id="SITE-CLOUD",
        facts=("application", "alibaba"),
        holds=lambda application, alibaba: alibaba or application not in _WITH_SITE,
        shown=lambda application, _: application,
        accepts="hello as long as alibaba is false, since sites are built on Function Compute",
        remedy="set alibaba to true, or application to hello",
    ),
    Rule(
        id="SITE-DOMAIN",
        facts=("application", "cdn_domain"),
        holds=lambda application, domain: domain != "" or application not in _WITH_SITE,
        shown=lambda application, _: application,
        accepts="hello as long as cdnDomain is empty, since a site is published behind the CDN",
        remedy="set cdnDomain to a domain of your own, or application to hello",
    ),
)
"""Rules about the settings of a stack."""

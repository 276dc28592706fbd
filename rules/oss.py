"""What OSS accepts of bucket names and of the prefixes that a role is given."""

from __future__ import annotations

import re

from rules.rule import Rule, matches

BUCKET = r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"

_PREFIX = matches(rf"{BUCKET}/([^/*?][^*?]*/)?")


def bucket_rule(fact: str) -> Rule:
    """The rule about a bucket's name, for the fact that holds it."""
    return Rule(
        id="OSS-BUCKET-NAME",
        facts=(fact,),
        holds=matches(BUCKET),
        accepts="3 to 63 lower-case letters, digits and hyphens, no hyphen at either end",
        remedy="choose such a name; it must also be unique in all of OSS",
        source="Object Storage Service, Bucket naming conventions",
    )


def prefix_rule(fact: str) -> Rule:
    """The rule about a list of `bucket/prefix/` entries, for the fact that holds it."""

    def refused(entries: list[str]) -> list[str]:
        return [entry for entry in entries if not _PREFIX(entry)]

    return Rule(
        id="RAM-OSS-PREFIX",
        facts=(fact,),
        holds=lambda entries: not refused(entries),
        shown=refused,
        accepts="entries `bucket/` or `bucket/prefix/` without a leading slash or wildcards",
        remedy="name the bucket and the folder that the function needs, and no more",
        source="Object Storage Service, Common examples of RAM policies",
    )


_TRIGGER = "Function Compute, OSS triggers"
_TROUBLE = "Function Compute, Questions about triggers"
_LOCATION = r"acs:oss:(?P<region>[a-z0-9-]*):(?P<account>\d*):(?P<bucket>[a-z0-9-]+)"


def source_region(source_arn: object) -> str:
    """The region that a trigger's source names, empty where it names none."""
    found = re.fullmatch(_LOCATION, str(source_arn))
    return found["region"] if found else ""


TRIGGER = (
    Rule(
        id="OSS-TRIGGER-EVENTS",
        facts=("events",),
        holds=lambda events: bool(events) and not any(str(event).endswith("*") for event in events),
        accepts="a list of single events, such as oss:ObjectCreated:PutObject; a wildcard fires for each uploaded part",
        remedy="name PutObject, PostObject and CompleteMultipartUpload instead of oss:ObjectCreated:*",
        source=_TROUBLE,
        warning=True,
    ),
    Rule(
        id="OSS-TRIGGER-FILTER",
        facts=("key_filter",),
        holds=lambda texts: not any("*" in text or "?" in text for text in texts),
        accepts="a prefix and a suffix without wildcards",
        remedy="write the text itself; every key that begins and ends so is meant",
        source=_TRIGGER,
    ),
    Rule(
        id="OSS-TRIGGER-SLASH",
        facts=("prefix",),
        holds=lambda prefix: not str(prefix).startswith("/"),
        accepts="a prefix without a leading slash, such as source/",
        remedy="take the slash away; keys do not begin with one",
        source=_TRIGGER,
    ),
    Rule(
        id="OSS-TRIGGER-LOOP",
        facts=("key_filter",),
        holds=any,
        shown=lambda _: "left out",
        accepts="a prefix or a suffix, unless the function writes nothing into this bucket",
        remedy="write the output elsewhere and filter on what comes in, or the function triggers itself for ever",
        source=_TROUBLE,
        warning=True,
    ),
    Rule(
        id="OSS-TRIGGER-SOURCE",
        facts=("source_arn",),
        holds=matches(_LOCATION),
        accepts="the ARN of a bucket, acs:oss:<region>:<account>:<bucket>",
        remedy="write the bucket's region, your account id and the bucket's name",
        source=_TRIGGER,
    ),
    Rule(
        id="OSS-TRIGGER-REGION",
        facts=("source_region", "region"),
        holds=lambda of_bucket, region: not of_bucket or not region or of_bucket == region,
        shown=lambda of_bucket, region: f"{of_bucket} for a function in {region}",
        accepts="the function's own region",
        remedy="use a bucket in that region, or deploy the function beside the bucket",
        source=_TRIGGER,
    ),
)
"""Rules about an OSS trigger of a function."""

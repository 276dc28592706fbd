"""What OSS accepts of bucket names and of the prefixes that a role is given."""

from __future__ import annotations

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

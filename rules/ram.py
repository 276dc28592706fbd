"""What RAM accepts of role and policy names."""

from __future__ import annotations

from rules.documents import trust_rule
from rules.rule import Rule, matches, one_of

ROLE_SUFFIX_ROOM = 16
"""Characters that a component may add to a name to tell its role and policy apart."""


def resource_name_rule(fact: str) -> Rule:
    """The rule about a base name from which function, role, policy and log names are made."""
    longest = 64 - ROLE_SUFFIX_ROOM
    return Rule(
        id="RAM-NAME",
        facts=(fact,),
        holds=matches(r"[a-z]([a-z0-9-]*[a-z0-9])?", longest),
        accepts=f"1 to {longest} lower-case letters, digits and hyphens that begin with a letter",
        remedy="choose a shorter or plainer name",
        source="RAM API Reference, CreateRole; Function Compute API Reference, CreateFunction",
    )


NAMES = (
    Rule(
        id="RAM-ROLE-NAME",
        facts=("role_name",),
        holds=matches(r"[A-Za-z0-9.-]+", 64),
        accepts="1 to 64 letters, digits, dots and hyphens",
        remedy="choose such a name",
        source="RAM API Reference, CreateRole",
    ),
    Rule(
        id="RAM-POLICY-NAME",
        facts=("policy_name",),
        holds=matches(r"[A-Za-z0-9-]+", 128),
        accepts="1 to 128 letters, digits and hyphens",
        remedy="choose such a name",
        source="RAM API Reference, CreatePolicy",
    ),
    Rule(
        id="RAM-POLICY-TYPE",
        facts=("policy_type",),
        holds=one_of(("Custom", "System")),
        accepts="Custom or System",
        remedy="choose Custom for a policy of your own",
        source="RAM API Reference, AttachPolicyToRole",
    ),
)
"""Rules about the names of roles and policies."""

FC_TRUST = (trust_rule("RAM-TRUST-FC", "trust", ("fc.aliyuncs.com",), "Function Compute, Grant permissions"),)
OSS_TRUST = (trust_rule("RAM-TRUST-OSS", "trust", ("oss.aliyuncs.com",), "Function Compute, OSS triggers"),)

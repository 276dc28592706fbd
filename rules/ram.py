"""What RAM accepts of role and policy names."""

from __future__ import annotations

from rules.rule import Rule, matches

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

"""A function that writes where it is triggered starts itself again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from rules import documents
from rules.alibaba_resources import ATTACHMENT, BUCKET, FUNCTION, POLICY, ROLE, TRIGGER
from rules.links import Linked, of, referred, source
from rules.rule import Report, Rule, check

_WRITE = "oss:putobject"
_RESOURCE = "acs:oss:"

TABLE = (
    Rule(
        id="OSS-TRIGGER-OUTPUT",
        facts=("grants_inside",),
        holds=lambda grants: not grants,
        accepts="a prefix and a suffix outside everything that the function's own role may write",
        remedy="let the function write elsewhere, or it starts itself for ever",
        source="Function Compute, Questions about triggers",
    ),
    Rule(
        id="OSS-TRIGGER-OVERLAP",
        facts=("grants_beyond",),
        holds=lambda grants: not grants,
        accepts="a prefix and a suffix that the function's role may not write to; whether the function does is unseen",
        remedy="narrow the role's policy to the folder of the output, so that the function cannot start itself",
        source="Function Compute, Questions about triggers",
        warning=True,
    ),
)
"""Rules about an OSS trigger together with the role of the function that it calls."""


def linked_findings(resources: Sequence[Linked]) -> Report:
    """Hold every OSS trigger of a stack against the policies of its function's role, as far as both are in the stack.

    Grants with a condition, and grants to buckets that a wildcard stands for, tell too little to be held against it.
    """
    return sum((_trigger(trigger, resources) for trigger in of(resources, TRIGGER)), Report())


def _trigger(trigger: Linked, resources: Sequence[Linked]) -> Report:
    config = documents.read(trigger.given.get("trigger_config"))
    function = referred(trigger, "function_name", resources, FUNCTION, "function_name")
    role = source(function, "role", ROLE) if function is not None else None
    bucket = _bucket(trigger)
    if config is None or role is None or not bucket or not _on_creation(trigger, config):
        return Report()
    prefix, suffix = _filter(config)
    grants = [grant for grant in _writable(role.resource, resources) if grant.partition("/")[0] == bucket]
    inside = [grant for grant in grants if _is_inside(grant, prefix, suffix)]
    beyond = [grant for grant in grants if grant not in inside and _overlaps(grant, prefix, suffix)]
    names = {"grants_inside": "trigger_config.filter", "grants_beyond": "trigger_config.filter"}
    return check(TABLE, {"grants_inside": inside, "grants_beyond": beyond}, trigger.label, names)


def _on_creation(trigger: Linked, config: dict[str, Any]) -> bool:
    events = config.get("events")
    known = events if isinstance(events, list) else []
    return trigger.given.get("trigger_type") == "oss" and any(
        str(each).startswith("oss:ObjectCreated") for each in known
    )


def _bucket(trigger: Linked) -> str:
    found = source(trigger, "source_arn", BUCKET)
    named = found.resource.given.get("bucket") if found is not None else None
    return str(named or str(trigger.given.get("source_arn") or "").rpartition(":")[2])


def _filter(config: dict[str, Any]) -> tuple[str, str]:
    found = config.get("filter")
    key = found.get("key") if isinstance(found, dict) else None
    texts = key if isinstance(key, dict) else {}
    return str(texts.get("prefix") or ""), str(texts.get("suffix") or "")


def _writable(role: Linked, resources: Sequence[Linked]) -> list[str]:
    """What the role's policies in the stack let it write, as `bucket/keys`; nothing where one of them denies it."""
    found = [statement for policy in _policies(role, resources) for statement in _writing(policy)]
    if any(statement.get("Effect") == "Deny" for statement in found):
        return []
    allowed = (
        statement for statement in found if statement.get("Effect") == "Allow" and not statement.get("Condition")
    )
    named = [str(each) for statement in allowed for each in documents.listed(statement.get("Resource"))]
    return [
        each.split(":", 4)[4] for each in named if each.startswith(_RESOURCE) and each.count(":") >= 4 and "/" in each
    ]


def _policies(role: Linked, resources: Sequence[Linked]) -> Iterator[Linked]:
    for attachment in of(resources, ATTACHMENT):
        holder = referred(attachment, "role_name", resources, ROLE, "role_name")
        policy = referred(attachment, "policy_name", resources, POLICY, "policy_name")
        if policy is not None and holder is not None and holder.label == role.label:
            yield policy


def _writing(policy: Linked) -> Iterator[dict[str, Any]]:
    """Statements about writing objects."""
    for statement in documents.statements(policy.given.get("policy_document")):
        actions = documents.listed(statement.get("Action"))
        if any(fnmatchcase(_WRITE, str(action).lower()) for action in actions):
            yield statement


def _ends(grant: str) -> tuple[str, str]:
    """What every key of a grant begins and ends with."""
    key = grant.partition("/")[2].replace("?", "*")
    return key.partition("*")[0], key.rpartition("*")[2]


def _is_inside(grant: str, prefix: str, suffix: str) -> bool:
    head, tail = _ends(grant)
    return head.startswith(prefix) and tail.endswith(suffix)


def _overlaps(grant: str, prefix: str, suffix: str) -> bool:
    head, tail = _ends(grant)
    return (head.startswith(prefix) or _may_go_on(grant, prefix, head)) and (
        tail.endswith(suffix) or (_has_wildcard(grant) and suffix.endswith(tail))
    )


def _may_go_on(grant: str, prefix: str, head: str) -> bool:
    return _has_wildcard(grant) and prefix.startswith(head)


def _has_wildcard(grant: str) -> bool:
    return bool(set(grant) & set("*?"))

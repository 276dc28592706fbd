"""Rules about several resources of Alibaba Cloud together: where a function's code and its events come from."""

from __future__ import annotations

from collections.abc import Sequence

from rules import fc, oss
from rules.alibaba_resources import BUCKET, CODE_RULES, FUNCTION, OBJECT, TRIGGER, code_facts
from rules.given import Given
from rules.kind import Part, pick
from rules.links import Linked, of, referred, region, source
from rules.rule import Report, check

_AROUND = "alicloud_region"
_STORED_CODE = Part(pick(fc.TABLE, *CODE_RULES), code_facts("source"))
_SAME_REGION = pick(oss.TRIGGER, "OSS-TRIGGER-REGION")


def linked_findings(resources: Sequence[Linked]) -> Report:
    """Hold the Alibaba Cloud resources of one stack against the rules about several of them together."""
    return _code(resources) + _triggers(resources)


def _code(resources: Sequence[Linked]) -> Report:
    """Code in a bucket must be in the function's region, and be what the function can start."""
    report = Report()
    for function in of(resources, FUNCTION):
        stored = _stored(function, resources)
        names = (function, "code.oss_bucket_name") if stored is None else (stored, "bucket")
        bucket = referred(*names, resources, BUCKET, "bucket")
        if bucket is not None:
            facts = {"bucket_region": region(bucket.given, _AROUND), "function_region": region(function.given, _AROUND)}
            report += check(fc.CODE_BUCKET, facts, bucket.label, {"bucket_region": "region"})
        if stored is not None:
            given = Given(function.given.values, function.given.around, stored.given.packages)
            report += _STORED_CODE.check(given, function.label)
    return report


def _stored(function: Linked, resources: Sequence[Linked]) -> Linked | None:
    """The object of this stack that holds a function's zip."""
    found = source(function, "code.oss_object_name", OBJECT) or source(function, "code.oss_bucket_name", OBJECT)
    return found.resource if found else referred(function, "code.oss_object_name", resources, OBJECT, "key")


def _triggers(resources: Sequence[Linked]) -> Report:
    """A trigger must be in its function's region, and so must the bucket whose events it takes."""
    report = Report()
    for trigger in of(resources, TRIGGER):
        function = referred(trigger, "function_name", resources, FUNCTION, "function_name")
        if function is not None:
            facts = {
                "trigger_region": region(trigger.given, _AROUND),
                "function_region": region(function.given, _AROUND),
            }
            report += check(fc.TRIGGER_REGION, facts, trigger.label, {"trigger_region": "region"})
        bucket = source(trigger, "source_arn", BUCKET)
        if bucket is not None and trigger.given.get("trigger_type") == "oss":
            facts = {
                "source_region": region(bucket.resource.given, _AROUND),
                "region": region(trigger.given, _AROUND),
            }
            report += check(_SAME_REGION, facts, trigger.label, {"source_region": "source_arn"})
    return report


TABLE = (*fc.CODE_BUCKET, *fc.TRIGGER_REGION)

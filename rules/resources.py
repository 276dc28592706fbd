"""One resource, or all of a stack, held against the rules about its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rules import alibaba_links, alibaba_resources, aws_links, aws_resources, oss_loop, trusts, url_access
from rules.given import Given
from rules.kind import Part
from rules.rule import Report

PREFIXES: Final = ("aws:", "alicloud:")
KINDS: Final[Mapping[str, tuple[Part, ...]]] = {**aws_resources.KINDS, **alibaba_resources.KINDS}

LINKED: Final = frozenset(
    {
        aws_resources.DISTRIBUTION,
        aws_resources.FUNCTION,
        alibaba_resources.ATTACHMENT,
        alibaba_resources.FUNCTION,
        alibaba_resources.TRIGGER,
    }
)
"""Types that rules about several resources begin with."""


@dataclass(frozen=True)
class Link:
    """An output of a resource of the same stack."""

    resource: Resource
    output: str
    """Such as `qualified_arn`; empty where something was made of the resource's outputs."""


@dataclass(frozen=True)
class Resource:
    """One resource as a program describes it."""

    type: str
    """Such as `aws:lambda/function:Function`."""
    name: str
    given: Given
    links: dict[str, tuple[Link, ...]] = field(default_factory=dict)
    """Path of an input to what it comes from, as far as that is known; filled in once all resources are."""

    @property
    def label(self) -> str:
        return f"{self.type} {self.name!r}"

    def check(self) -> Report:
        """Hold the resource by itself against the rules about its type; types without rules pass."""
        return sum((part.check(self.given, self.label) for part in KINDS.get(self.type, ())), Report())


def check_stack(resources: Sequence[Resource], *, is_whole: bool = True) -> Report:
    """Hold resources against the rules about several of them together; a whole stack looks nothing up elsewhere."""
    modules = (aws_links, alibaba_links, oss_loop, trusts)
    report = sum((module.linked_findings(resources) for module in modules), Report())
    return report + url_access.linked_findings(resources, is_whole=is_whole)

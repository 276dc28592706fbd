"""One resource, or all of a stack, held against the rules about its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rules import alibaba_resources, aws_resources
from rules.aws_links import linked_findings
from rules.given import Given
from rules.kind import Part
from rules.rule import Report

PREFIXES: Final = ("aws:", "alicloud:")
KINDS: Final[Mapping[str, tuple[Part, ...]]] = {**aws_resources.KINDS, **alibaba_resources.KINDS}


@dataclass(frozen=True)
class Link:
    """An output of a resource of the same stack."""

    resource: Resource
    output: str
    """Such as `qualified_arn`."""


@dataclass(frozen=True)
class Resource:
    """One resource as a program describes it."""

    type: str
    """Such as `aws:lambda/function:Function`."""
    name: str
    given: Given
    links: dict[str, Link] = field(default_factory=dict)
    """Path of an input to the output that it takes, filled in once all resources are known."""

    @property
    def label(self) -> str:
        return f"{self.type} {self.name!r}"

    def check(self) -> Report:
        """Hold the resource by itself against the rules about its type; types without rules pass."""
        return sum((part.check(self.given, self.label) for part in KINDS.get(self.type, ())), Report())


def check_stack(resources: Sequence[Resource]) -> Report:
    """Hold resources against the rules about several of them together."""
    return linked_findings(resources)

"""The rules over every AWS and Alibaba Cloud resource of a stack, whoever wrote it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import _types
from pulumi.output import Unknown

from components.findings import end_in_order, of_this_run
from components.package import packages
from rules.catalogue import RULES
from rules.given import UNKNOWN, Given
from rules.resources import LINKED, PREFIXES, Link, Resource, check_stack
from rules.rule import Report

_OURS = "isthmus:"
_PROVIDERS = ("aws", "alicloud")
_PROVIDER_PREFIX = "pulumi:providers:"
_TURNS = 50
"""Turns of the event loop in which Outputs settle that wait for no resource; an apply takes a few of them."""


def watch(rules_off: Collection[str] = ()) -> None:
    """Hold every resource that this program creates from here on against the rules.

    What is wrong with known values is told together, before the engine hears of any resource: registrations wait until
    the program's own code has run. Values that come out of other resources are checked before what is made from them.
    Children that a packaged component creates in a process of its own are not seen.
    """
    of_this_run().off = frozenset(rules_off)
    for id_ in sorted(rules_off):
        rule = RULES[id_].rule
        pulumi.log.warn(f"The rule {id_} is switched off for this stack: {rule.sentence}.")
    pulumi.runtime.register_stack_transformation(_Watch().see)
    end_in_order()


class _Watch:
    """The resources of one run, and the one point that all registrations wait for."""

    def __init__(self) -> None:
        self._findings = of_this_run()
        self._regions = {name: pulumi.Config(name).get("region") or "" for name in _PROVIDERS}
        self._region_of_provider: dict[int, str] = {}
        self._seen: list[_Seen] = []
        self._is_whole = True
        """Whether nothing is looked up that another stack has made."""
        self._ended = False
        # The loop takes tasks in their order, so that this one runs before any registration.
        self._end_of_program = pulumi.Output.from_input(self._settle_program())

    def see(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Take note of one resource as it is constructed, and hold back its registration."""
        if args.opts.id is not None or args.opts.urn is not None:
            self._is_whole = False  # it is only looked up
            return None
        if args.type_.startswith(_PROVIDER_PREFIX):
            given = args.props.get("region")
            self._region_of_provider[id(args.resource)] = given if isinstance(given, str) else ""
        seen = self._take_note(args) if args.type_.startswith(PREFIXES) else None
        held = pulumi.Output.from_input(self._hold(seen))
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(depends_on=held))
        return pulumi.ResourceTransformationResult(args.props, opts)

    def _take_note(self, args: pulumi.ResourceTransformationArgs) -> _Seen:
        seen = _Seen(args, self._around(args))
        self._seen.append(seen)
        if self._ended:
            self._findings.add(seen.check())
            self._findings.settle()
        return seen

    def _around(self, args: pulumi.ResourceTransformationArgs) -> dict[str, str]:
        """The regions that hold for a resource: those of the stack, or that of the provider that it is given."""
        regions = {f"{name}_region": region for name, region in self._regions.items()}
        provider = _provider(args)
        if provider is not None:
            regions[f"{args.type_.partition(':')[0]}_region"] = self._region_of_provider.get(id(provider), "")
        return regions

    async def _settle_program(self) -> None:
        await _let_outputs_settle()
        self._ended = True
        for seen in self._seen:
            self._findings.add(seen.check())
        self._check_stack()
        self._findings.settle()

    async def _hold(self, seen: _Seen | None) -> list[pulumi.Resource]:
        await self._end_of_program.future()
        if seen is not None and not seen.is_checked:
            await asyncio.gather(*seen.settling.values())
            self._findings.add(seen.check())
            if seen.type in LINKED:
                self._check_stack()
            if self._findings.has_errors():
                await _let_outputs_settle()  # what came to be known with it is told with it
            self._findings.settle()
        return []

    def _check_stack(self) -> None:
        report = check_stack(self._linked(), is_whole=self._is_whole)
        ours = {str(seen) for seen in self._seen if seen.is_ours}
        warnings = tuple(finding for finding in report.warnings if finding.component not in ours)
        self._findings.add(Report(report.errors, warnings))

    def _linked(self) -> list[Resource]:
        """All resources with what has settled, and with what their inputs come from as far as that is known."""
        now = [seen.as_of_now() for seen in self._seen]
        resources = {id(seen.resource): resource for seen, resource in zip(self._seen, now, strict=True)}
        owners = {
            id(output): Link(resources[id(seen.resource)], name)
            for seen in self._seen
            for name, output in (("id", seen.resource), *vars(seen.resource).items())
            if isinstance(output, pulumi.Output | pulumi.Resource)
        }
        for seen, resource in zip(self._seen, now, strict=True):
            for path, leaf in seen.leaves:
                owner = owners.get(id(leaf))
                made_of = (Link(resources[each], "") for each in seen.sources(leaf) if each in resources)
                links = (owner,) if owner is not None else tuple(made_of)
                if links:
                    resource.links[path] = links
        return now


@dataclass(frozen=True)
class _Settled:
    """What has become of an Output."""

    value: Any
    sources: frozenset[int] = frozenset()
    """Identities of the resources that it was made of."""


class _Seen:
    """One resource, its inputs, and the values that they come to have."""

    def __init__(self, args: pulumi.ResourceTransformationArgs, around: Mapping[str, str]) -> None:
        self.resource = args.resource
        self.type, self._name, self._around = args.type_, args.name, around
        self.inputs = _plain(args.props)
        self.leaves = list(_leaves(self.inputs))
        self.settling = {id(leaf): asyncio.ensure_future(_settled(leaf)) for _, leaf in self.leaves}
        self._packages = packages(args.type_, Given(self.inputs))
        self.is_checked = False
        """Whether the rules have seen all values."""
        self.is_ours = getattr(args.opts.parent, "pulumi_resource_type", "").startswith(_OURS)
        """Whether a component of this project made it, which has given its own warnings."""

    def __str__(self) -> str:
        return self.as_of_now().label

    def check(self) -> Report:
        """Hold the resource by itself against the rules, with the values that have settled."""
        self.is_checked = all(task.done() for task in self.settling.values())
        report = self.as_of_now().check()
        return Report(errors=report.errors) if self.is_ours else report

    def as_of_now(self) -> Resource:
        """The resource with the values that have settled."""
        values = {leaf: settled.value for leaf, settled in self._settled().items()}
        return Resource(self.type, self._name, Given(_known(self.inputs, values), self._around, self._packages))

    def sources(self, leaf: object) -> frozenset[int]:
        """Identities of the resources that an Output was made of; none before it has settled."""
        settled = self._settled().get(id(leaf))
        return settled.sources if settled is not None else frozenset()

    def _settled(self) -> dict[int, _Settled]:
        return {
            leaf: task.result()
            for leaf, task in self.settling.items()
            if task.done() and not task.cancelled() and task.exception() is None
        }


def _provider(args: pulumi.ResourceTransformationArgs) -> pulumi.ProviderResource | None:
    """The provider that a resource is given by its own options or by its parent; None for the stack's own."""
    package = args.type_.partition(":")[0]
    if args.opts.provider is not None:
        return args.opts.provider
    given = args.opts.providers or []
    for provider in given.values() if isinstance(given, Mapping) else given:
        if provider.package == package:
            return provider
    return args.opts.parent.get_provider(args.type_) if args.opts.parent is not None else None


async def _let_outputs_settle() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _settled(leaf: Any) -> _Settled:
    """The value of an Output; UNKNOWN in a preview that cannot tell it, and for a secret, which no finding may show."""
    if not isinstance(leaf, pulumi.Output):
        return _Settled(UNKNOWN)
    output = pulumi.Output.from_input(leaf)
    sources = frozenset(map(id, await output.resources()))
    if not await output.is_known() or await output.is_secret():
        return _Settled(UNKNOWN, sources)
    return _Settled(await output.future(with_unknowns=True), sources)


def _plain(value: Any) -> Any:
    """Inputs with the SDKs' argument classes opened up; Outputs, resources and archives stay what they are."""
    if _types.is_input_type(type(value)):
        value = _types.input_type_to_untranslated_dict(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _known(value: Any, settled: Mapping[int, Any]) -> Any:
    """The same with the values of what has settled, and UNKNOWN for the rest."""
    if isinstance(value, pulumi.Output | pulumi.Resource | Unknown | Awaitable):
        found = settled.get(id(value), UNKNOWN)
        return UNKNOWN if isinstance(found, pulumi.Output | pulumi.Resource | Unknown) else _known(_plain(found), {})
    if isinstance(value, Mapping):
        return {name: _known(item, settled) for name, item in value.items()}
    if isinstance(value, list):
        return [_known(item, settled) for item in value]
    return value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and object of each Output, or resource that stands for its id."""
    if isinstance(value, pulumi.Output | pulumi.Resource):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}[{number}]")

"""The rules over every AWS and Alibaba Cloud resource of a stack, whoever wrote it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Mapping
from typing import Any

import pulumi
from pulumi import _types
from pulumi.output import Unknown

from components.findings import of_this_run
from rules.catalogue import RULES
from rules.given import UNKNOWN, Given
from rules.resources import PREFIXES, Link, Resource, check_stack
from rules.rule import Report

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


class _Watch:
    """The resources of one run, and the one point that all registrations wait for."""

    def __init__(self) -> None:
        self._findings = of_this_run()
        self._around = {
            "aws_region": pulumi.Config("aws").get("region") or "",
            "alicloud_region": pulumi.Config("alicloud").get("region") or "",
        }
        self._seen: list[_Seen] = []
        self._ended = False
        # The loop takes tasks in their order, so that this one runs before any registration.
        self._end_of_program = pulumi.Output.from_input(self._settle_program())

    def see(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Take note of one resource as it is constructed, and hold back its registration."""
        if args.opts.id is not None or args.opts.urn is not None:
            return None  # it is only looked up
        seen = self._take_note(args) if args.type_.startswith(PREFIXES) else None
        held = pulumi.Output.from_input(self._hold(seen))
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(depends_on=held))
        return pulumi.ResourceTransformationResult(args.props, opts)

    def _take_note(self, args: pulumi.ResourceTransformationArgs) -> _Seen:
        seen = _Seen(args, self._around)
        self._seen.append(seen)
        if self._ended:
            self._findings.add(seen.check())
            self._findings.settle()
        return seen

    async def _settle_program(self) -> None:
        await _let_outputs_settle()
        self._ended = True
        for seen in self._seen:
            self._findings.add(seen.check())
        self._findings.add(check_stack(self._linked()))
        self._findings.settle()

    async def _hold(self, seen: _Seen | None) -> list[pulumi.Resource]:
        await self._end_of_program.future()
        if seen is not None and not seen.is_checked:
            await asyncio.gather(*seen.settling.values())
            self._findings.add(seen.check())
            self._findings.settle()
        return []

    def _linked(self) -> list[Resource]:
        """All resources with what has settled, and with whose outputs they take, where those are passed on as such."""
        now = [seen.as_of_now() for seen in self._seen]
        owners = {
            id(output): Link(resource, name)
            for seen, resource in zip(self._seen, now, strict=True)
            for name, output in (("id", seen.resource), *vars(seen.resource).items())
            if isinstance(output, pulumi.Output | pulumi.Resource)
        }
        for seen, resource in zip(self._seen, now, strict=True):
            links = {path: owners[id(leaf)] for path, leaf in _leaves(seen.inputs) if id(leaf) in owners}
            resource.links.update(links)
        return now


class _Seen:
    """One resource, its inputs, and the values that they come to have."""

    def __init__(self, args: pulumi.ResourceTransformationArgs, around: Mapping[str, str]) -> None:
        self.resource = args.resource
        self.inputs = _plain(args.props)
        self.settling = {id(leaf): asyncio.ensure_future(_settled(leaf)) for _, leaf in _leaves(self.inputs)}
        self.is_checked = False
        """Whether the rules have seen all values."""
        self._type, self._name, self._around = args.type_, args.name, around

    def check(self) -> Report:
        """Hold the resource by itself against the rules, with the values that have settled."""
        self.is_checked = all(task.done() for task in self.settling.values())
        return self.as_of_now().check()

    def as_of_now(self) -> Resource:
        """The resource with the values that have settled."""
        settled = {
            leaf: task.result()
            for leaf, task in self.settling.items()
            if task.done() and not task.cancelled() and task.exception() is None
        }
        return Resource(self._type, self._name, Given(_known(self.inputs, settled), self._around))


async def _let_outputs_settle() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _settled(leaf: Any) -> Any:
    """The value of an Output; UNKNOWN in a preview that cannot tell it, and for a secret, which no finding may show."""
    if not isinstance(leaf, pulumi.Output):
        return UNKNOWN
    output = pulumi.Output.from_input(leaf)
    if not await output.is_known() or await output.is_secret():
        return UNKNOWN
    return await output.future(with_unknowns=True)


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

"""The configuration of a stack, read once."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.validation import ProgramError
from rules import catalogue, cdn, cloudfront, edge, fc, interpreter, lambda_, regions, site
from rules.finding import Finding
from rules.kind import pick
from rules.rule import Report, check

_WHERE = "settings"


@dataclass(frozen=True)
class Settings:
    """What a stack is to be, every value of it checked.

    `Pulumi.yaml` describes each key and holds its default; a field has its key's name in snake case.
    """

    aws: bool
    alibaba: bool
    application: str
    """`hello`, `site_build` or `both`."""
    handler: str
    """`package.module.function`."""
    interpreter: str
    """`host`, `wheel`, `deb`, `archive` or `none`."""
    architecture: str
    """`x86_64` or `arm64`; empty for the building machine's."""
    bootstrap_path: str
    """The user's own folder or zip, for the interpreter `none`."""
    edge_handler: str
    edge_event: str
    edge_runtime: str
    memory_mb: int
    timeout_s: int
    log_retention_days: int
    streaming: bool
    fc_auth: str
    fc_concurrency: int
    cdn_domain: str
    """Empty where there is to be no CDN."""
    cdn_scope: str
    cdn_certificate_id: str
    """Empty where the CDN is to answer HTTP only."""
    cdn_private_origin_role: bool
    site_memory_mb: int
    site_timeout_s: int
    site_prune: bool
    force_destroy: bool
    """Whether the buckets for projects and site go with all that they hold."""
    rules_off: tuple[str, ...]
    """Ids of rules that are not to be held against this stack."""
    aws_region: str
    alicloud_region: str

    @property
    def has_hello(self) -> bool:
        """Whether `handler` is deployed."""
        return self.application != "site_build"

    @property
    def has_site_build(self) -> bool:
        return self.application != "hello"

    @property
    def on_aws(self) -> bool:
        """Whether AWS gets anything. Its image has no Node.js, so that sites are built on Function Compute alone."""
        return self.aws and self.has_hello

    @classmethod
    def from_config(cls) -> Settings:
        """Read the stack's configuration; raises ProgramError with everything that is wrong in it."""
        given = {field.name: _given(field.name) for field in dataclasses.fields(cls)}
        types = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        unread = [finding for name, text in given.items() for finding in _unreadable(name, text, types[name])]
        misread = {finding.field for finding in unread}
        values = {name: _READERS[types[name]](given[name]) for name in given if _key(name) not in misread}
        off = values.get("rules_off", ())
        errors = (*_unknown_keys(), *unread, *_unknown_rules(off), *_check(values).without(off).errors)
        if errors:
            raise ProgramError(errors)
        return cls(**values)


def _check(values: Mapping[str, Any]) -> Report:
    report = _held(interpreter.TABLE, _renamed(values, "interpreter", "architecture", "bootstrap_path"))
    report += _held(site.SETTINGS, _renamed(values, "application", "alibaba", "cdn_domain"))
    if values.get("aws") is False and values.get("alibaba") is False:
        report += Report(errors=(_nothing_to_deploy(),))
    if values.get("aws"):
        report += _check_aws(values)
    if values.get("alibaba"):
        report += _check_alibaba(values)
    return report


def _check_aws(values: Mapping[str, Any]) -> Report:
    function = _renamed(values, "handler", "memory_mb", "timeout_s", "log_retention_days")
    at_edge = _renamed(values, handler="edge_handler", event="edge_event", runtime="edge_runtime")
    distribution = _renamed(values, origin_timeout_s="timeout_s")
    return (
        _held(lambda_.TABLE, function)
        + _held((*edge.TABLE, *edge.PYTHON_HANDLER), at_edge)
        + _held(cloudfront.TABLE, distribution)
        + _held(regions.AWS, _renamed(values, "aws_region"))
    )


def _check_alibaba(values: Mapping[str, Any]) -> Report:
    function = _renamed(
        values,
        "handler",
        "memory_mb",
        "timeout_s",
        "log_retention_days",
        auth="fc_auth",
        concurrency="fc_concurrency",
        region="alicloud_region",
    )
    report = _held(fc.TABLE, function)
    build = _renamed(values, memory_mb="site_memory_mb", timeout_s="site_timeout_s")
    report += _held(pick(fc.TABLE, "FC-MEMORY", "FC-TIMEOUT"), build)
    if values.get("cdn_domain"):
        report += _held(cdn.TABLE, _renamed(values, domain_name="cdn_domain", scope="cdn_scope"))
    return report


def _renamed(values: Mapping[str, Any], *same: str, **renamed: str) -> dict[str, tuple[str, Any]]:
    """For each fact the key that the user set it with, and its value."""
    fields = {**{name: name for name in same}, **renamed}
    return {fact: (_key(field), values[field]) for fact, field in fields.items() if field in values}


def _held(table: tuple[Any, ...], known: Mapping[str, tuple[str, Any]]) -> Report:
    facts = {fact: value for fact, (_, value) in known.items()}
    names = {fact: key for fact, (key, _) in known.items()}
    return check(table, facts, _WHERE, names)


def _nothing_to_deploy() -> Finding:
    keys = f"{_key('aws')} and {_key('alibaba')}"
    remedy = "run `pulumi config set aws true` or `pulumi config set alibaba true`"
    return Finding("SETTINGS-CLOUDS", _WHERE, keys, False, "true for at least one cloud", remedy)  # noqa: FBT003


# Keys and texts

_READERS = {
    "bool": lambda text: text == "true",
    "int": int,
    "str": str,
    "tuple[str, ...]": lambda text: tuple(json.loads(text)),
}
_ACCEPTED = {
    "bool": "true or false",
    "int": "a whole number",
    "str": "a text",
    "tuple[str, ...]": "a list of texts",
}
_REGIONS = {"aws_region": "aws:region", "alicloud_region": "alicloud:region"}


def _key(field: str) -> str:
    """The full configuration key of a field."""
    if field in _REGIONS:
        return _REGIONS[field]
    first, *others = field.split("_")
    return f"{pulumi.get_project()}:{first}{''.join(map(str.capitalize, others))}"


def _given(field: str) -> str | None:
    namespace, _, name = _key(field).partition(":")
    return pulumi.Config(namespace).get(name)


def _unreadable(field: str, text: str | None, type_: str) -> Iterator[Finding]:
    if text is not None and _reads(text, type_):
        return
    key = _key(field)
    remedy = f"run `pulumi config set {key} <value>`"
    yield Finding("SETTINGS-TYPE", _WHERE, key, text, _ACCEPTED[type_], remedy)


def _reads(text: str, type_: str) -> bool:
    if type_ == "bool":
        return text in {"true", "false"}
    if type_ == "int":
        return text.removeprefix("-").isdecimal() and text.isascii()
    return type_ == "str" or _reads_list(text)


def _reads_list(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(item, str) for item in found)


def _unknown_rules(ids: Iterable[str]) -> Iterator[Finding]:
    for id_ in ids:
        if id_ not in catalogue.RULES:
            close = difflib.get_close_matches(id_, catalogue.RULES, n=1)
            meant = f"; {close[0]} may be meant" if close else ""
            remedy = f"correct the id{meant}"
            yield Finding(
                "SETTINGS-RULE", _WHERE, _key("rules_off"), id_, "the id of a rule, see docs/rules.md", remedy
            )


def _unknown_keys() -> Iterator[Finding]:
    """Keys of this project that nothing reads, most often misspelt ones."""
    known = [_key(field.name) for field in dataclasses.fields(Settings)]
    for key in sorted(pulumi.runtime.get_config_env()):
        if key.startswith(f"{pulumi.get_project()}:") and key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            meant = f", where {close[0]} may be meant" if close else ""
            remedy = f"run `pulumi config rm {key}`{meant}"
            yield Finding("SETTINGS-KEY", _WHERE, "key", key, "one that Pulumi.yaml describes", remedy)

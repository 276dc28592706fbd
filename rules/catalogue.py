"""All rules by id, and the table of them that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rules import (
    alibaba_links,
    aws_links,
    cdn,
    cloudfront,
    edge,
    edge_source,
    fc,
    fc_source,
    interpreter,
    lambda_,
    oss_loop,
    ram,
    regions,
    site,
    url_access,
)
from rules.resources import KINDS
from rules.rule import Rule

_AWS: Final = "AWS"
_ALIBABA: Final = "Alibaba Cloud"
_TABLES: Final[tuple[tuple[str, tuple[Rule, ...]], ...]] = (
    (_AWS, lambda_.TABLE),
    (_AWS, (*edge.TABLE, *edge.PYTHON_HANDLER, *edge_source.TABLE)),
    (_AWS, cloudfront.TABLE),
    (_AWS, regions.AWS),
    (_AWS, (*aws_links.TABLE, *url_access.TABLE, *lambda_.TRUST)),
    (_AWS, interpreter.TABLE),
    (_ALIBABA, interpreter.TABLE),
    (_ALIBABA, (*fc.TABLE, *fc_source.TABLE)),
    (_ALIBABA, (*alibaba_links.TABLE, *oss_loop.TABLE)),
    (_ALIBABA, cdn.TABLE),
    (_ALIBABA, (*site.TABLE, *site.SETTINGS)),
    (_ALIBABA, (*ram.FC_TRUST, *ram.OSS_TRUST)),
    *((_AWS if type_.startswith("aws:") else _ALIBABA, part.table) for type_, parts in KINDS.items() for part in parts),
)


@dataclass(frozen=True)
class Entry:
    """A rule and the clouds that it is about."""

    rule: Rule
    clouds: frozenset[str]


def _entries() -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for cloud, table in _TABLES:
        for rule in table:
            clouds = found[rule.id].clouds if rule.id in found else frozenset()
            found[rule.id] = Entry(found[rule.id].rule if clouds else rule, clouds | {cloud})
    return dict(sorted(found.items()))


RULES: Final[Mapping[str, Entry]] = _entries()


def lines() -> Iterator[str]:
    """The table in Markdown: id, clouds, sentence, source."""
    yield "| id | clouds | what must be so | source |"
    yield "|---|---|---|---|"
    for id_, entry in RULES.items():
        rule = entry.rule
        kind = " *(warning)*" if rule.warning else ""
        yield f"| `{id_}`{kind} | {', '.join(sorted(entry.clouds))} | {_cell(rule.sentence)} | {_cell(rule.source)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or "ours"


_HEAD = """# Rules

What a preview refuses before a cloud would. A rule marked *(warning)* only warns, because documents disagree or
because the answer depends on something that cannot be seen from a program. A rule is switched off for a stack with
`pulumi config set --path 'rulesOff[0]' <id>`, for the day when a cloud changes; each preview then says so.

What a preview cannot know, and why:

- E16, that whoever deploys may replicate an edge function (`lambda:GetFunction`, `lambda:EnableReplication*`,
  `iam:CreateServiceLinkedRole`, …): those are permissions of the person or pipeline, which no program holds.
- How large a response an edge function makes (40 KB at a viewer event, 1 MB at an origin event) and which headers a
  handler answers with: both depend on the request. What stands in the source as a text is read, and warned of
  (`E-BODY-SIZE`, `E-HEADERS`, `E-HEADERS-READ-ONLY`, `FC-HEADERS`); what is computed is not.
- The region of a bucket that the program only names, whether a name is still free in all of S3 or OSS, whether a
  domain has an ICP filing, and whether a certificate of another stack covers a name.
- What a packaged component creates in a process of its own.
- What the engine's own transforms (`transforms` of a resource's options) change later; `transformations` are seen.

An input that is made of another resource's outputs, by `apply` or `Output.concat`, tells where it comes from once
that resource has been previewed. Rules about both together then say so before the second one is registered.

`make rules` prints this table; this file is written by `python -m rules > docs/rules.md`.

"""


def page() -> str:
    """The content of docs/rules.md."""
    return _HEAD + "\n".join(lines()) + "\n"

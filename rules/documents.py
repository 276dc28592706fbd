"""What IAM and RAM accept of a policy document, and who a trust policy lets in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rules.rule import Rule

_IAM = "IAM User Guide, IAM JSON policy elements reference"
_RAM = "RAM, Policy structure and syntax"
_REVIEW = "the clouds' guides on least privilege"


def read(document: object) -> dict[str, Any] | None:
    """A document given as JSON text or as an object; None when it is neither."""
    if isinstance(document, dict):
        return document
    if not isinstance(document, str):
        return None
    try:
        found = json.loads(document)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def statements(document: object) -> list[dict[str, Any]]:
    """Every statement of a document; a single one may stand without a list."""
    found = (read(document) or {}).get("Statement", [])
    return [each for each in listed(found) if isinstance(each, dict)]


def trusted_services(document: object) -> set[str]:
    """The services that a trust policy lets assume the role."""
    return set(_services(document))


def _services(document: object) -> Iterator[str]:
    for statement in statements(document):
        principal = statement.get("Principal")
        if statement.get("Effect") == "Allow" and _assumes(statement) and isinstance(principal, dict):
            yield from (str(each) for each in listed(principal.get("Service", [])))
        if statement.get("Effect") == "Allow" and principal == "*":
            yield "*"


def _assumes(statement: dict[str, Any]) -> bool:
    return any(str(action).lower() in {"*", "sts:*", "sts:assumerole"} for action in listed(statement.get("Action")))


def listed(value: object) -> list[Any]:
    """A value that may stand without a list, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _misshapen(document: object, version: str) -> str:
    """What is wrong with a document's shape, empty when nothing is."""
    found = read(document)
    if found is None:
        return "no JSON object"
    if found.get("Version", version) not in _VERSIONS[version]:
        return f"Version {found['Version']!r}"
    if not statements(found):
        return "no Statement"
    return next(filter(None, map(_wrong_statement, statements(found))), "")


_VERSIONS = {"2012-10-17": {"2012-10-17", "2008-10-17"}, "1": {"1"}}


def _wrong_statement(statement: dict[str, Any]) -> str:
    if statement.get("Effect") not in {"Allow", "Deny"}:
        return f"Effect {statement.get('Effect')!r}"
    return "" if "Action" in statement or "NotAction" in statement else "a statement without Action"


def _grants_everything(statement: dict[str, Any]) -> bool:
    """An Allow of any action of a service, or of all services, on everything, under no condition and with no Sid."""
    wide = any(str(action) == "*" or str(action).endswith(":*") for action in listed(statement.get("Action")))
    everywhere = any(str(resource) == "*" for resource in listed(statement.get("Resource")))
    allowed = statement.get("Effect") == "Allow"
    return allowed and wide and everywhere and not statement.get("Condition") and not statement.get("Sid")


def document_rules(cloud: str, fact: str) -> tuple[Rule, ...]:
    """The rules about a policy document of `IAM` or `RAM`, for the fact that holds it."""
    version, source = {"IAM": ("2012-10-17", _IAM), "RAM": ("1", _RAM)}[cloud]
    return (
        Rule(
            id=f"{cloud}-DOCUMENT",
            facts=(fact,),
            holds=lambda document: not _misshapen(document, version),
            shown=lambda document: _misshapen(document, version),
            accepts=f'a JSON object with Version "{version}" and statements that each have Effect and Action',
            remedy="build it with json.dumps from a dictionary of that shape",
            source=source,
        ),
        Rule(
            id=f"{cloud}-WILDCARD",
            facts=(fact, "reason"),
            holds=lambda document, reason: bool(reason) or not any(map(_grants_everything, statements(document))),
            shown=lambda _document, _reason: "every action on every resource",
            accepts="a grant of named actions on named resources, or a wildcard with a written reason",
            remedy="name what is needed, or write the reason in the statement's Sid or the policy's description",
            source=_REVIEW,
            warning=True,
        ),
    )


def trust_rule(id_: str, fact: str, services: tuple[str, ...], source: str) -> Rule:
    """The rule that a trust policy must let these services assume the role."""
    wanted = set(services)
    return Rule(
        id=id_,
        facts=(fact,),
        holds=lambda document: (
            read(document) is None or "*" in trusted_services(document) or wanted <= trusted_services(document)
        ),
        shown=lambda document: sorted(trusted_services(document)),
        accepts=f"a trust policy that lets {' and '.join(services)} assume the role",
        remedy="add the missing service to the Principal of the trust policy",
        source=source,
    )

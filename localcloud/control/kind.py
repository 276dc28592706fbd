"""One resource type of a local cloud: what the cloud checks, computes and refuses.

`Kind` is complete for any declared type; a service's module overrides what is particular about it. The protocol
calls `check`, `create`, `update`, `delete`; everything else is called from here.
"""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeGuard

from localcloud.control import schema
from localcloud.control.autoname import Autoname
from localcloud.control.diff import Change
from localcloud.control.validate import Failure
from localcloud.control.wire import UNKNOWN, from_json, to_json
from localcloud.store import Resource, Store

_NAME_LENGTH = 255
_UNCONFIRMED = "unconfirmed"

Values = dict[str, Any]
Given = Mapping[str, Any]


class CloudError(Exception):
    """A refusal in the cloud's words: its error code, its sentence and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Cloud:
    """Where an operation takes place."""

    store: Store
    account: str
    region: str
    default_tags: Mapping[str, str] = field(default_factory=dict)

    def region_of(self, values: Given) -> str:
        """The region of a resource: its own where it has one, else the provider's."""
        return values.get("region") or self.region

    def blocking(self, rows: Iterable[Resource]) -> list[Resource]:
        """The rows that really stand in the way of a deletion.

        Rows that an interrupted update left behind are in no Pulumi state, so nothing would ever delete them:
        a real cloud refuses for their sake, here they go, so that a destroy after a killed update works.
        """
        rows = list(rows)
        for row in rows:
            if is_unconfirmed(row):
                self.store.delete(row.type, row.id)
        return [row for row in rows if not is_unconfirmed(row)]


def is_unconfirmed(row: Resource) -> bool:
    """Whether the engine has not yet shown that it holds this row in its state."""
    return bool(row.private.get(_UNCONFIRMED))


def confirmed(row: Resource) -> Resource:
    return replace(row, private={key: value for key, value in row.private.items() if key != _UNCONFIRMED})


def unconfirmed(row: Resource) -> Resource:
    return replace(row, private={**row.private, _UNCONFIRMED: True})


def now() -> str:
    """The present time as the clouds write it, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def random_text(length: int, alphabet: str) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def known(value: Any) -> TypeGuard[Any]:
    """Whether a value is given and known."""
    return value is not None and value is not UNKNOWN


def parsed_json(text: Any) -> Any:
    """The JSON value of a text; None when it is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


class Kind:
    """A resource type with the behaviour that every declared type has."""

    label = ""
    """How the provider names the type in its errors, such as `IAM Role`."""
    autoname: Autoname | None = None
    """How a missing name is made; by default for an optional `name`."""
    identity: tuple[str, ...] = ("name",)
    """The properties that make the physical name: two resources can not have the same values at once."""
    operations: tuple[str, str, str] = ("", "", "")
    """The API operations that create, update and delete."""
    puts = False
    """Whether the cloud's call is a put: creating what is there already takes its place."""
    json_texts: frozenset[str] = frozenset()
    """Properties that hold JSON: a text with the same meaning is no change."""

    def __init__(self, token: str) -> None:
        self.token = token

    @functools.cached_property
    def schema(self) -> schema.TypeSchema:
        loaded = schema.load(self.token)
        if loaded is None:
            raise LookupError(self.token)
        return loaded

    # What a service may override

    def check(self, cloud: Cloud, inputs: Given) -> Iterator[Failure]:
        """What the real provider refuses in a preview, beyond the schema. Values may be `UNKNOWN`."""
        del cloud, inputs
        yield from ()

    def identify(self, cloud: Cloud, inputs: Given) -> str:
        """The Pulumi id of a new resource."""
        del cloud
        names = [str(inputs[name]) for name in self.identity if name in inputs]
        return ":".join(names) or random_text(20, "0123456789abcdef")

    def key(self, id_: str, properties: Given) -> str:
        """The store's id of a resource: the Pulumi id, where that is unique in its type."""
        del properties
        return id_

    def admit(self, cloud: Cloud, inputs: Given, old: Resource | None) -> None:
        """Raise CloudError for what the cloud refuses at a creation (`old` is None) or an update."""

    def computed(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        """What the cloud adds to a new resource."""
        del cloud, id_, inputs
        return {}

    def recomputed(self, cloud: Cloud, old: Resource, properties: Given) -> Values:
        """What the cloud changes by itself when a resource is updated."""
        del cloud, old, properties
        return {}

    def private(self, cloud: Cloud, properties: Values, old: Resource | None) -> dict[str, Any]:
        """Store content (code, object bytes) and return what only the cloud knows; may complete `properties`."""
        del cloud, properties
        return dict(old.private) if old else {}

    def unknown_after_update(self, changes: list[Change], inputs: Given) -> set[str]:
        """Outputs that an update in preview can not tell."""
        del changes, inputs
        return set()

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Whether two values of a top-level property mean the same."""
        if name not in self.json_texts:
            return False
        value = parsed_json(old)
        return value is not None and value == parsed_json(new)

    def release(self, cloud: Cloud, row: Resource) -> None:
        """Raise CloudError when the cloud refuses to delete the resource."""

    def remove(self, cloud: Cloud, row: Resource) -> None:
        """Take the resource away, and what goes with it."""
        cloud.store.delete(row.type, row.id)

    def exists(self, id_: str, inputs: Given) -> CloudError:
        """The refusal to create what is there already."""
        del inputs
        return CloudError("AlreadyExists", f"{self.label or self.token} {id_} already exists.", 409)

    def describe(self, verb: str, name: str, error: CloudError) -> str:
        """The provider's sentence around a refusal; `verb` is `creating`, `updating` or `deleting`."""
        return f"{verb} {self.label or self.token} ({name}): {error.code}: {error.message}"

    def operation(self, verb: str) -> str:
        """The API operation behind `creating`, `updating` or `deleting`; empty when there is none."""
        return self.operations[("creating", "updating", "deleting").index(verb)]

    # The life of a resource

    def naming(self) -> Autoname | None:
        """How this type is named automatically, if it is."""
        if self.autoname:
            return self.autoname
        name = self.schema.inputs.get("name")
        if name is None or name.required or name.declared.get("deprecated") or name.shape.kind != "string":
            return None
        return Autoname("name", min(_NAME_LENGTH, name.declared.get("maxLength", _NAME_LENGTH)))

    def known_outputs(self, cloud: Cloud, inputs: Given) -> Values:
        """Computed outputs that a preview knows already."""
        outputs: Values = {}
        if "region" in self.schema.state:
            outputs["region"] = cloud.region_of(inputs)
        if "tagsAll" in self.schema.state and inputs.get("tags") is not UNKNOWN:
            outputs["tagsAll"] = {**cloud.default_tags, **inputs.get("tags", {})}
        return outputs

    def find(self, cloud: Cloud, id_: str, properties: Given) -> Resource | None:
        """The row of a resource; names of regional types may repeat in another region."""
        key, region = self.key(id_, properties), properties.get("region")
        for candidate in (f"{key}@{region}", key):
            row = cloud.store.get(self.token, candidate)
            if row and region in (None, row.properties.get("region", region)):
                return row
        return None

    def create(self, cloud: Cloud, urn: str, inputs: Given) -> tuple[str, Resource]:
        """The Pulumi id and the row of a new resource, not yet stored. Raises CloudError."""
        self.admit(cloud, inputs, None)
        id_ = self.identify(cloud, inputs)
        located = {**inputs, **self.known_outputs(cloud, inputs)}
        if self.find(cloud, id_, located) and not self.puts:
            raise self.exists(id_, inputs)
        properties = {**self._remaining(cloud, id_, inputs), **located, **self.computed(cloud, id_, located)}
        private = self.private(cloud, properties, None)
        key = self.key(id_, properties)
        if cloud.store.get(self.token, key) and not self.puts:
            key = f"{key}@{cloud.region_of(properties)}"
        return id_, Resource(self.token, key, urn, to_json(properties), private)

    def update(self, cloud: Cloud, row: Resource, inputs: Given, old_inputs: Given) -> Resource:
        """The row after an update, not yet stored. Raises CloudError."""
        self.admit(cloud, inputs, row)
        properties = self.merged(from_json(row.properties), inputs, old_inputs)
        properties |= self.known_outputs(cloud, properties)
        properties |= self.recomputed(cloud, row, properties)
        private = self.private(cloud, properties, row)
        return replace(row, properties=to_json(properties), private=private)

    def delete(self, cloud: Cloud, row: Resource) -> None:
        """Take the resource away. Raises CloudError when the cloud refuses."""
        self.release(cloud, row)
        self.remove(cloud, row)

    def merged(self, state: Given, inputs: Given, old_inputs: Given) -> Values:
        """The state with new inputs; what was left out goes, unless the cloud computes it."""
        dropped = {
            name
            for name in old_inputs
            if name not in inputs and name in self.schema.inputs and not self.schema.inputs[name].computed
        }
        return {name: value for name, value in {**state, **inputs}.items() if name not in dropped}

    def _remaining(self, cloud: Cloud, id_: str, inputs: Given) -> Values:
        """A plausible value for every computed output that the service's module does not give."""
        return {
            name: self._plausible(name, known_property.shape.kind, cloud, id_)
            for name, known_property in self.schema.state.items()
            if known_property.computed and name not in inputs
        }

    def _plausible(self, name: str, kind: schema.Kind, cloud: Cloud, id_: str) -> Any:
        if kind == "string":
            return self._plausible_text(name, cloud, id_)
        empty: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "list": [], "map": {}, "object": {}}
        return empty.get(kind)

    def _plausible_text(self, name: str, cloud: Cloud, id_: str) -> str:
        lower = name.lower()
        if lower == "arn":
            return self.arn(cloud, id_)
        if lower.endswith(("time", "date", "lastmodified")):
            return now()
        if lower.endswith("id"):
            return id_
        return ""

    def arn(self, cloud: Cloud, id_: str) -> str:
        """The ARN of a resource that has no rule of its own."""
        return f"arn:{self.token}:{cloud.region}:{cloud.account}:{id_}"

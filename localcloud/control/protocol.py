"""Pulumi's provider protocol, once for both clouds: the gRPC service that the engine talks to.

Every call is answered in one thread (see `server.py`), so that checks see a quiet world and the store has one user.
Source: Pulumi's `provider.proto`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from localcloud.control import autoname
from localcloud.control.diff import Change, Differ, change_text, ignored
from localcloud.control.kind import Cloud, CloudError, Kind, confirmed, is_unconfirmed, unconfirmed
from localcloud.control.schema import Property
from localcloud.control.validate import Failure, Validator, with_defaults
from localcloud.control.wire import UNKNOWN, Decoded, decode, encode, from_json, has_unknown, path_text
from localcloud.store import LOCAL_DIR_VARIABLE, Resource, Store

_DEFAULTS = "__defaults"
_Change = provider_pb2.PropertyDiff


@dataclass(frozen=True)
class Package:
    """One provider: which types and functions it has, and how it is configured."""

    name: str
    """Pulumi package name, `aws` or `alicloud`."""
    version: str
    """Never below the SDK's, or the engine warns."""
    configure: Callable[[Store, Mapping[str, Any]], Cloud]
    """Makes the cloud from the provider's configuration; raises CloudError."""
    kind: Callable[[str], Kind]
    """The kind of a type token; raises LookupError with one sentence for a type that is not declared."""
    invoke: Callable[[Cloud, str, Mapping[str, Any]], Mapping[str, Any]]
    """Answers a function; raises LookupError for one that is not there."""


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one package."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._configured: Cloud | None = None
        self._created: list[tuple[str, str]] = []
        self._interrupted = False

    def confirm_created(self) -> None:
        """Note that the engine ended in order, so that what was created is in its state.

        After an interruption nobody knows what it saved: then the next update's diffs confirm, row by row.
        """
        if self._configured is None or self._interrupted:
            return
        store = self._configured.store
        with store.transaction():
            for type_, key in self._created:
                row = store.get(type_, key)
                if row and is_unconfirmed(row):
                    store.put(confirmed(row))

    # The plugin itself

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True,
            accept_resources=True,
            accept_outputs=True,
            supports_autonaming_configuration=True,
        )

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        return Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        # Operations here take milliseconds, so there is nothing to cut short.
        self._interrupted = True
        return Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        return plugin_pb2.PluginInfo(version=self._package.version)

    # Configuration

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802
        old = decode(request.old_inputs if request.old_inputs.fields else request.olds).values
        new = decode(request.news).values
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "version"]
        # Alibaba resources carry no region of their own, so another region means other resources.
        replaces = [name for name in changed if name == "region" and self._package.name == "alicloud"]
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        try:
            self._configured = self._package.configure(Store.from_environment(), decode(request.args).values)
        except CloudError as error:
            _fail(context, error.message)
        except RuntimeError as error:
            _fail(context, str(error))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            supportsPreview=True,
            acceptResources=True,
            acceptOutputs=True,
            supports_autonaming_configuration=True,
        )

    # Resources

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._record("Check", request.urn)
        kind = self._kind(request.urn, context)
        news, olds = decode(request.news), decode(request.olds).values
        failures = list(Validator(news.secrets).members(news.values, kind.schema.inputs))
        given = {name: value for name, value in news.values.items() if name != _DEFAULTS}
        inputs = with_defaults(given, kind.schema.inputs)
        failures += self._name(kind, inputs, olds, request)
        if not failures:
            failures = list(kind.check(self._cloud(context), inputs))
        inputs[_DEFAULTS] = sorted(name for name in inputs if name not in given)
        return provider_pb2.CheckResponse(
            inputs=encode(inputs, news.secrets),
            failures=[
                provider_pb2.CheckFailure(property=path_text(failure.path), reason=failure.reason)
                for failure in failures
            ],
        )

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._record("Diff", request.urn)
        kind, cloud = self._kind(request.urn, context), self._cloud(context)
        state, news = decode(request.olds).values, decode(request.news).values
        self._confirm(kind, cloud, request.id, state)
        old = decode(request.old_inputs).values if request.old_inputs.fields else state
        changes = [
            change
            for change in self._changes(kind, cloud, state, old, news)
            if not ignored(change, list(request.ignoreChanges))
        ]
        return _diff_response(changes, delete_first=_same_name(kind, old, news))

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._record("Create", request.urn, preview=request.preview)
        kind, cloud = self._kind(request.urn, context), self._cloud(context)
        inputs = _inputs(request.properties)
        if request.preview:
            outputs = {**_unknown_outputs(inputs.values, kind.schema.state), **kind.known_outputs(cloud, inputs.values)}
            return provider_pb2.CreateResponse(id="", properties=encode(outputs, inputs.secrets))
        try:
            with cloud.store.transaction():
                self._clear_left_behind(kind, cloud, request.urn)
                id_, row = kind.create(cloud, request.urn, inputs.values)
                cloud.store.put(unconfirmed(row))
        except CloudError as error:
            _fail(context, kind.describe("creating", _display_name(kind, inputs.values), error))
        self._created.append((row.type, row.id))
        return provider_pb2.CreateResponse(id=id_, properties=_outputs(row, inputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._record("Read", request.urn)
        kind, cloud = self._kind(request.urn, context), self._cloud(context)
        state, inputs = decode(request.properties), decode(request.inputs)
        row = kind.find(cloud, request.id, state.values)
        if row is None:
            return provider_pb2.ReadResponse()
        self._confirm(kind, cloud, request.id, state.values)
        found = from_json(row.properties)
        # An import brings no inputs: then everything that can be one is.
        given = inputs.values or dict.fromkeys(kind.schema.inputs)
        refreshed = {
            name: found.get(name, value) for name, value in given.items() if name in found or name == _DEFAULTS
        }
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=encode(found, state.secrets | inputs.secrets),
            inputs=encode(refreshed, inputs.secrets),
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._record("Update", request.urn, preview=request.preview)
        kind, cloud = self._kind(request.urn, context), self._cloud(context)
        inputs, old_inputs = _inputs(request.news), _inputs(request.old_inputs)
        state = decode(request.olds).values
        if request.preview:
            outputs = kind.merged(state, inputs.values, old_inputs.values)
            outputs |= kind.known_outputs(cloud, outputs)
            changes = list(self._changes(kind, cloud, state, old_inputs.values, inputs.values))
            outputs |= dict.fromkeys(kind.unknown_after_update(changes, inputs.values), UNKNOWN)
            return provider_pb2.UpdateResponse(properties=encode(outputs, inputs.secrets))
        try:
            with cloud.store.transaction():
                row = kind.find(cloud, request.id, state)
                if row is None:
                    raise _gone(request.id)
                row = kind.update(cloud, confirmed(row), inputs.values, old_inputs.values)
                cloud.store.put(row)
        except CloudError as error:
            _fail(context, kind.describe("updating", _display_name(kind, inputs.values) or request.id, error))
        return provider_pb2.UpdateResponse(properties=_outputs(row, inputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._record("Delete", request.urn)
        kind, cloud = self._kind(request.urn, context), self._cloud(context)
        try:
            with cloud.store.transaction():
                row = kind.find(cloud, request.id, decode(request.properties).values)
                # What is gone already is deleted: so do the real providers take a "not found".
                if row is not None:
                    kind.delete(cloud, row)
        except CloudError as error:
            _fail(context, kind.describe("deleting", request.id, error))
        return Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._record("Invoke", "", type_=request.tok)
        try:
            result = self._package.invoke(self._cloud(context), request.tok, decode(request.args).values)
        except LookupError as error:
            _fail(context, str(error.args[0]))
        answer: dict[str, Any] = {"return": encode(result)}  # a keyword of Python, so no plain argument
        return provider_pb2.InvokeResponse(**answer)

    # Helpers

    def _cloud(self, context: grpc.ServicerContext) -> Cloud:
        if self._configured is None:
            _fail(context, f"the {self._package.name} provider was called before it was configured")
        return self._configured

    def _kind(self, urn: str, context: grpc.ServicerContext) -> Kind:
        try:
            return self._package.kind(_type_of(urn))
        except LookupError as error:
            _fail(context, str(error.args[0]))

    def _name(self, kind: Kind, inputs: dict[str, Any], olds: Mapping[str, Any], request: Any) -> list[Failure]:
        """Give the resource a name where it has none; what went wrong otherwise."""
        rule = kind.naming()
        if (
            rule is None
            or rule.property in inputs
            or any(other in inputs for other in kind.schema.inputs[rule.property].others("conflictsWith"))
        ):
            return []
        try:
            inputs[rule.property] = autoname.kept_name(rule, olds) or autoname.automatic_name(
                rule, request.urn.rpartition("::")[2], request.randomSeed, _proposal(request)
            )
        except autoname.NameRefusedError as error:
            return [Failure((rule.property,), str(error))]
        return []

    def _changes(
        self, kind: Kind, cloud: Cloud, state: Mapping[str, Any], old: Mapping[str, Any], news: Mapping[str, Any]
    ) -> list[Change]:
        changes = list(Differ(kind.same).members(old, news, kind.schema.inputs))
        if "region" not in kind.schema.inputs:
            return changes
        moved = news.get("region") is not UNKNOWN and state.get("region") not in (None, cloud.region_of(news))
        kept = [change for change in changes if change.top != "region"]
        return [*kept, Change(("region",), "UPDATE", replaces=True)] if moved else kept

    def _confirm(self, kind: Kind, cloud: Cloud, id_: str, state: Mapping[str, Any]) -> None:
        """Note that the engine holds this resource in its state."""
        row = kind.find(cloud, id_, state)
        if row and is_unconfirmed(row):
            cloud.store.put(confirmed(row))

    def _clear_left_behind(self, kind: Kind, cloud: Cloud, urn: str) -> None:
        """Take away what a killed update created for the same URN without the engine's learning of it.

        A convenience of the stand-in: a real cloud keeps such a resource, and a fixed name (a bucket, a log group,
        a CDN domain) then has to be imported by hand. Here running `pulumi up` again has to converge.
        """
        for row in cloud.store.list(kind.token):
            if row.urn == urn and is_unconfirmed(row) and (row.type, row.id) not in self._created:
                kind.remove(cloud, row)

    def _record(self, method: str, urn: str, *, type_: str = "", preview: bool = False) -> None:
        """One line in `control.log`: which call for which resource, never a value."""
        root = os.environ.get(LOCAL_DIR_VARIABLE)
        if not root or not os.path.isdir(root):  # noqa: PTH112 - a call a resource: keep it cheap
            return
        line = {"time": round(time.time(), 3), "provider": self._package.name, "method": method, "urn": urn}
        line |= {"type": type_ or _type_of(urn), "preview": preview}
        with open(os.path.join(root, "control.log"), "a", encoding="utf-8") as log:  # noqa: PTH118, PTH123
            log.write(json.dumps(line) + "\n")


def _fail(context: grpc.ServicerContext, sentence: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, sentence)
    raise AssertionError("unreachable: abort raises")


def _gone(id_: str) -> CloudError:
    return CloudError("NotFound", f"{id_} is not in the local cloud any more; run `pulumi refresh`, then again", 404)


def _type_of(urn: str) -> str:
    """The type token of a URN `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`."""
    return urn.split("::")[2].rpartition("$")[2] if urn else ""


def _inputs(properties: Any) -> Decoded:
    decoded = decode(properties)
    return Decoded({k: v for k, v in decoded.values.items() if not k.startswith("__")}, decoded.secrets)


def _outputs(row: Resource, inputs: Decoded) -> Any:
    return encode(from_json(row.properties), inputs.secrets)


def _display_name(kind: Kind, inputs: Mapping[str, Any]) -> str:
    return "/".join(str(inputs[name]) for name in kind.identity if name in inputs and not has_unknown(inputs[name]))


def _proposal(request: Any) -> autoname.Proposal | None:
    if not request.HasField("autonaming"):
        return None
    options = request.autonaming
    modes = provider_pb2.CheckRequest.AutonamingOptions.Mode
    return autoname.Proposal(options.proposed_name, modes.Name(options.mode))  # type: ignore[arg-type]


def _unknown_outputs(values: Mapping[str, Any], properties: Mapping[str, Property]) -> dict[str, Any]:
    """The values and, for everything else that the cloud computes, `UNKNOWN`; the same inside objects."""
    filled = {
        name: _unknown_inside(value, properties[name]) if name in properties else value
        for name, value in values.items()
    }
    missing = (name for name, known in properties.items() if known.computed and name not in filled)
    return {**filled, **dict.fromkeys(missing, UNKNOWN)}


def _unknown_inside(value: Any, known: Property) -> Any:
    shape = known.shape
    if shape.kind == "object" and isinstance(value, dict):
        return _unknown_outputs(value, shape.properties)
    if shape.element and shape.element.kind == "object" and isinstance(value, list):
        members = shape.element.properties
        return [_unknown_outputs(item, members) if isinstance(item, dict) else item for item in value]
    return value


def _same_name(kind: Kind, old: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether a replacement would have the physical name of what it replaces, so that the old has to go first."""
    automatic = set(news.get(_DEFAULTS, ()))
    fixed = [name for name in kind.identity if name in news]
    return bool(fixed) and all(name not in automatic and old.get(name) == news[name] for name in fixed)


def _diff_response(changes: list[Change], *, delete_first: bool) -> Any:
    replaces = sorted({change.top for change in changes if change.replaces})
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some if changes else none,
        diffs=sorted({change.top for change in changes}),
        replaces=replaces,
        deleteBeforeReplace=bool(replaces) and delete_first,
        hasDetailedDiff=True,
        detailedDiff={
            change_text(change): _Change(
                kind=_Change.Kind.Value(f"{change.kind}_REPLACE" if change.replaces else change.kind), inputDiff=True
            )
            for change in changes
        },
    )

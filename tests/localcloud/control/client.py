"""A small engine: it speaks the provider protocol over gRPC. And what the tests put into programs."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2

from localcloud.control.wire import Archive, Asset, to_json

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
REGIONS = {"aws": "ap-northeast-1", "alicloud": "cn-hongkong"}


class RefusedError(Exception):
    """The provider answered with an error: `str()` is what a user reads."""


def refused(match: str) -> Any:
    return pytest.raises(RefusedError, match=match)


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    result = struct_pb2.Struct()
    result.update(to_json(values))
    return result


def plain(message: struct_pb2.Struct) -> dict[str, Any]:
    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: whole(item) for key, item in value.items()}
        if isinstance(value, list):
            return [whole(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return whole(json_format.MessageToDict(message))


@dataclass
class Deployed:
    """A resource in the small engine's state."""

    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass
class Client:
    """One connection to one provider."""

    stub: Any
    seed: bytes = b"seed"
    failures: list[tuple[str, str]] = field(default_factory=list)

    def urn(self, type_: str, name: str) -> str:
        return f"urn:pulumi:test::isthmus::isthmus:index:Part${type_}::{name}"

    def call(self, method: str, message: Any) -> Any:
        try:
            return getattr(self.stub, method)(message, timeout=30)
        except grpc.RpcError as error:
            raise RefusedError(error.details()) from None

    def configure(self, region: str, **more: Any) -> Any:
        args = struct({"region": region, **more})
        return self.call("Configure", provider_pb2.ConfigureRequest(args=args, acceptSecrets=True))

    def check(
        self, type_: str, name: str, inputs: dict[str, Any], olds: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The checked inputs; the failures are in `failures`."""
        request = provider_pb2.CheckRequest(
            urn=self.urn(type_, name), news=struct(inputs), olds=struct(olds or {}), randomSeed=self.seed
        )
        response = self.call("Check", request)
        self.failures = [(failure.property, failure.reason) for failure in response.failures]
        return plain(response.inputs)

    def reasons(self, type_: str, inputs: dict[str, Any]) -> str:
        """Everything that Check refuses, as text."""
        self.check(type_, "thing", inputs)
        return "; ".join(f"{place}: {reason}" for place, reason in self.failures)

    def create(self, type_: str, name: str, inputs: dict[str, Any], *, preview: bool = False) -> Deployed:
        checked = self.check(type_, name, inputs)
        assert not self.failures, self.failures
        request = provider_pb2.CreateRequest(urn=self.urn(type_, name), properties=struct(checked), preview=preview)
        response = self.call("Create", request)
        return Deployed(type_, name, response.id, checked, plain(response.properties))

    def diff(self, old: Deployed, inputs: dict[str, Any], ignore: tuple[str, ...] = ()) -> Any:
        checked = self.check(old.type, old.name, inputs, old.inputs)
        assert not self.failures, self.failures
        return self.call(
            "Diff",
            provider_pb2.DiffRequest(
                id=old.id,
                urn=self.urn(old.type, old.name),
                olds=struct(old.outputs),
                old_inputs=struct(old.inputs),
                news=struct(checked),
                ignoreChanges=ignore,
            ),
        )

    def update(self, old: Deployed, inputs: dict[str, Any], *, preview: bool = False) -> Deployed:
        checked = self.check(old.type, old.name, inputs, old.inputs)
        assert not self.failures, self.failures
        response = self.call(
            "Update",
            provider_pb2.UpdateRequest(
                id=old.id,
                urn=self.urn(old.type, old.name),
                olds=struct(old.outputs),
                old_inputs=struct(old.inputs),
                news=struct(checked),
                preview=preview,
            ),
        )
        return Deployed(old.type, old.name, old.id, checked, plain(response.properties))

    def read(self, old: Deployed) -> Any:
        urn = self.urn(old.type, old.name)
        properties, inputs = struct(old.outputs), struct(old.inputs)
        return self.call("Read", provider_pb2.ReadRequest(id=old.id, urn=urn, properties=properties, inputs=inputs))

    def delete(self, old: Deployed) -> None:
        urn = self.urn(old.type, old.name)
        self.call("Delete", provider_pb2.DeleteRequest(id=old.id, urn=urn, properties=struct(old.outputs)))

    def invoke(self, token: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self.call("Invoke", provider_pb2.InvokeRequest(tok=token, args=struct(args or {})))
        return plain(getattr(response, "return"))


def zip_bytes(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def code(path: str = "function.zip", files: dict[str, str] | None = None) -> Archive:
    """Write a zip into the working directory and name it as the engine does."""
    data = zip_bytes(files or {"bootstrap": "#!/bin/sh\n"})
    Path(path).write_bytes(data)
    return Archive(hash=hashlib.sha256(data).hexdigest(), path=path)


def text_asset(text: str) -> Asset:
    return Asset(hash=hashlib.sha256(text.encode()).hexdigest(), text=text)


def trust(*services: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(services)}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def ram_trust(*services: str) -> str:
    return json.dumps({**json.loads(trust(*services)), "Version": "1"})

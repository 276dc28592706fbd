"""Runs a program or a component against Pulumi's mocks and keeps what it registered, with options.

The mocks echo inputs and add outputs of real shapes. They refuse types and invokes that are not listed here. They do
not prove that an engine, a provider or a cloud takes what was registered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.output import Unknown
from pulumi.runtime import rpc, settings
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks, set_mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import Stack

from tests.support.sdk_types import input_problems

os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

PROJECT = "isthmus"
STACK = "test"
AWS_ACCOUNT = "123456789012"
ALIBABA_ACCOUNT = "1234567890123456"
HOME_REGION = "ap-northeast-1"

UNKNOWN = Unknown
"""What an input that is not known yet is an instance of."""


@dataclass(frozen=True)
class Recorded:
    """One registered resource."""

    type: str
    name: str
    parent: str
    """Name of the parent resource; empty for the stack's direct children."""
    custom: bool
    inputs: dict[str, Any]
    request: resource_pb2.RegisterResourceRequest

    @property
    def depends_on(self) -> set[str]:
        """Names of all resources that this one waits for."""
        return {urn.rpartition("::")[2] for urn in self.request.dependencies}


@dataclass
class Deployment:
    """What one run of a program registered, exported and warned of."""

    resources: list[Recorded] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    """Outputs of the stack; empty after a preview in which one of them is unknown."""
    warnings: list[str] = field(default_factory=list)

    def children(self, parent: str) -> dict[str, str]:
        """Name and type of each resource below a component."""
        return {each.name: each.type for each in self.resources if each.parent == parent}

    def named(self, name: str, type_: str = "") -> Recorded:
        found = [each for each in self.resources if each.name == name and type_ in each.type]
        assert len(found) == 1, f"{len(found)} resources are called {name}"
        return found[0]

    def of_type(self, type_: str) -> list[Recorded]:
        return [each for each in self.resources if each.type == type_]


class Cloud(Mocks):
    """Both clouds, as far as the components use them."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.custom:
            return "", {}
        if args.typ not in OUTPUTS:
            raise LookupError(f"no mock for {args.typ}")
        outputs = OUTPUTS[args.typ](args)
        return outputs.pop("id", f"{args.name}-id"), {**args.inputs, **outputs}

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        if args.token != "alicloud:index/getAccount:getAccount":
            raise LookupError(f"no mock for invoke {args.token}")
        return {"id": ALIBABA_ACCOUNT}


class PreviewCloud(Cloud):
    """The same before anything exists: only inputs are known."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        id_, outputs = super().new_resource(args)
        named = {
            key: outputs[key] for key in ("name",) if args.custom and args.typ.startswith("aws:") and key in outputs
        }
        return (id_ if args.custom else ""), {**args.inputs, **named}


def _function(args: MockResourceArgs) -> dict[str, Any]:
    arn = f"arn:aws:lambda:{args.inputs.get('region', HOME_REGION)}:{AWS_ACCOUNT}:function:{args.name}-1a2b3c4"
    version = "1" if args.inputs.get("publish") else "$LATEST"
    return {"name": f"{args.name}-1a2b3c4", "arn": arn, "qualifiedArn": f"{arn}:{version}", "version": version}


def _log_group(args: MockResourceArgs) -> dict[str, Any]:
    name = f"{args.name}-1a2b3c4"
    return {"name": name, "arn": f"arn:aws:logs:{HOME_REGION}:{AWS_ACCOUNT}:log-group:{name}"}


def _aws_role(args: MockResourceArgs) -> dict[str, Any]:
    name = f"{args.name}-1a2b3c4"
    return {"name": name, "arn": f"arn:aws:iam::{AWS_ACCOUNT}:role/{name}"}


def _ram_role(args: MockResourceArgs) -> dict[str, Any]:
    return {"arn": f"acs:ram::{ALIBABA_ACCOUNT}:role/{args.inputs['roleName']}"}


def _v3_function(args: MockResourceArgs) -> dict[str, Any]:
    return {"functionArn": f"acs:fc:cn-hongkong:{ALIBABA_ACCOUNT}:functions/{args.inputs['functionName']}"}


def _v3_trigger(args: MockResourceArgs) -> dict[str, Any]:
    host = f"{args.inputs['functionName']}-abcdefghij.cn-hongkong"
    return {"httpTrigger": {"urlInternet": f"https://{host}.fcapp.run", "urlIntranet": f"http://{host}-vpc.fcapp.run"}}


URL_ID = "a" * 32
DISTRIBUTION_ID = "E2ABCDEFGHIJKL"
DISTRIBUTION_DOMAIN = "d111111abcdef8.cloudfront.net"

OUTPUTS: dict[str, Callable[[MockResourceArgs], dict[str, Any]]] = {
    "alicloud:cdn/domainConfig:DomainConfig": lambda _: {},
    "alicloud:cdn/domainNew:DomainNew": lambda args: {"cname": f"{args.inputs['domainName']}.w.kunlunsl.com"},
    "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig": lambda _: {},
    "alicloud:fc/v3Function:V3Function": _v3_function,
    "alicloud:fc/v3Trigger:V3Trigger": _v3_trigger,
    "alicloud:log/project:Project": lambda _: {},
    "alicloud:log/store:Store": lambda _: {},
    "alicloud:log/storeIndex:StoreIndex": lambda _: {},
    "alicloud:oss/bucket:Bucket": lambda args: {
        "id": args.inputs["bucket"],
        "extranetEndpoint": "oss-cn-hongkong.aliyuncs.com",
    },
    "alicloud:oss/bucketObject:BucketObject": lambda _: {},
    "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda _: {},
    "alicloud:ram/policy:Policy": lambda _: {},
    "alicloud:ram/role:Role": _ram_role,
    "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment": lambda _: {},
    "aws:cloudfront/distribution:Distribution": lambda _: {
        "id": DISTRIBUTION_ID,
        "arn": f"arn:aws:cloudfront::{AWS_ACCOUNT}:distribution/{DISTRIBUTION_ID}",
        "domainName": DISTRIBUTION_DOMAIN,
    },
    "aws:cloudfront/originAccessControl:OriginAccessControl": lambda _: {"id": "E3OACABCDEFGHI"},
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:iam/role:Role": _aws_role,
    "aws:iam/rolePolicy:RolePolicy": lambda _: {},
    "aws:lambda/function:Function": _function,
    "aws:lambda/functionUrl:FunctionUrl": lambda _: {
        "urlId": URL_ID,
        "functionUrl": f"https://{URL_ID}.lambda-url.{HOME_REGION}.on.aws/",
    },
    "aws:lambda/permission:Permission": lambda _: {},
    "aws:s3/bucket:Bucket": lambda args: {"bucket": f"{args.name}-1a2b3c4"},
    "aws:s3/bucketObjectv2:BucketObjectv2": lambda _: {"versionId": "3HL4kqtJlcpXroDTDmJ"},
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": lambda _: {},
    "aws:s3/bucketVersioning:BucketVersioning": lambda _: {},
    "pulumi:providers:alicloud": lambda _: {},
    "pulumi:providers:aws": lambda _: {},
}


class Recorder(MockMonitor):
    """Keeps every request, refuses what an engine would refuse, and inputs that the SDK's types refuse."""

    def __init__(self, mocks: Mocks, deployment: Deployment) -> None:
        super().__init__(mocks)
        self.deployment = deployment
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def RegisterResource(self, request):  # noqa: N802, the protocol's name
        urn = self.make_urn(request.parent, request.type, request.name)
        with self._lock:  # requests come from several threads at once
            if urn in self._seen:
                raise AssertionError(f"duplicate URN {urn}")
            self._seen.add(urn)
        if request.type != "pulumi:pulumi:Stack":
            self._record(request)
        return super().RegisterResource(request)

    def _record(self, request: resource_pb2.RegisterResourceRequest) -> None:
        inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
        parent = request.parent.rpartition("::")[2]
        is_stack = "pulumi:pulumi:Stack" in request.parent.rpartition("$")[2]
        self.deployment.resources.append(
            Recorded(request.type, request.name, "" if is_stack else parent, request.custom, inputs, request)
        )
        is_typed = request.custom and not request.type.startswith("pulumi:providers:")
        problems = input_problems(request.type, inputs) if is_typed else []
        if problems:
            raise AssertionError(f"{request.type} {request.name}: {'; '.join(problems)}")


class _Warnings(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            self.kept.append(record.getMessage())


def deploy(program: Callable[[], Any], *, preview: bool = False) -> Deployment:
    """Run a program against the mocks and wait for all that it started; raises what the program raises."""
    deployment = Deployment()
    logger = logging.Logger("pulumi-mocks")  # noqa: LOG001, a logger of this run alone
    logger.addHandler(_Warnings(deployment.warnings))
    monitor = Recorder(PreviewCloud() if preview else Cloud(), deployment)

    def with_exports() -> pulumi.Output[None]:
        program()
        stack = settings.get_root_resource()
        assert isinstance(stack, Stack)
        return pulumi.Output.all(**stack.outputs).apply(deployment.outputs.update)

    with _own_loop():
        settings.reset_options()
        set_mocks(monitor.mocks, PROJECT, STACK, preview, logger=logger, monitor=monitor)
        try:
            pulumi.runtime.test(with_exports)()
        finally:
            settings.reset_options()
    return deployment


@contextmanager
def _own_loop() -> Iterator[None]:
    """An event loop for this run, and one for each worker thread, since the mocks open those and leave them open."""
    loops = [asyncio.new_event_loop()]

    def open_loop() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    workers = ThreadPoolExecutor(4, initializer=open_loop)
    loops[0].set_default_executor(workers)
    loops[0].set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loops[0])
    try:
        yield
    finally:
        workers.shutdown()
        for loop in loops:
            loop.close()
        asyncio.set_event_loop(None)

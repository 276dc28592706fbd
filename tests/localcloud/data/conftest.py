"""A store that is filled as the control plane fills it, real zips, and a real data plane over them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest

from localcloud.store import Resource, Store

PROJECT = Path(__file__).parents[3]
REGION = "ap-northeast-1"
ACCOUNT = "123456789012"
URL_HOST = f"{'abcdefghijklmnopqrstuvwxyz234567'}.lambda-url.{REGION}.on.aws"
OPEN_URL_HOST = f"{'open' * 8}.lambda-url.{REGION}.on.aws"
DISTRIBUTION_HOST = "d111111abcdef8.cloudfront.net"
DISTRIBUTION_ARN = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E111111ABCDEF"
FC_HOST = "site-abcdefghij.cn-hongkong.fcapp.run"
FC_SIGNED_HOST = "site-signedabcd.cn-hongkong.fcapp.run"
CDN_HOST = "site.isthmus.test"
BUCKET_HOST = "isthmus-site.oss-cn-hongkong.aliyuncs.com"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"
EDGE_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:edge:1"

BOOTSTRAP = f'#!/bin/sh\nexec {sys.executable} -I -S -B "${{0%/*}}/main.py"\n'

MAIN = '''
import http.client, http.server, json, os, subprocess, sys, threading, time

def act(event):
    """What a test asks for by the event."""
    do = event.get("do")
    if do == "exit": os._exit(event["code"])
    if do == "sleep": time.sleep(event["seconds"])
    if do == "eat":
        hoard = []
        while True:
            hoard.append(b"x" * (8 << 20)); time.sleep(0.01)
    if do == "spawn":
        code = "import os,time\\nif os.fork(): os._exit(0)\\nos.setsid()\\nif os.fork(): os._exit(0)\\ntime.sleep(600)"
        subprocess.run([sys.executable, "-c", code])
        return {"daemon": True}
    if do == "environment": return {"environment": dict(os.environ), "cwd": os.getcwd()}
    if do == "big": return {"x": "y" * event["size"]}
    if do == "log": print(event["text"], flush=True)
    if do == "raise": raise ValueError(event.get("text", "boom"))
    return {"echo": event, "pid": os.getpid()}

def from_url(event):
    if event.get("version") != "2.0": return act(event)
    import base64
    body = event.get("body") or "{}"
    if event["isBase64Encoded"]: body = base64.b64decode(body).decode()
    if event["rawPath"] == "/event": return event
    if event["rawPath"] == "/page":
        return {"statusCode": 201, "headers": {"x-made": "yes"}, "cookies": ["a=1", "b=2"], "body": "<p>"}
    return act(json.loads(body))

def aws(api):
    connection = http.client.HTTPConnection(api)
    def call(method, path, body=None, headers={}):
        connection.request(method, "/2018-06-01/runtime" + path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()
    if os.environ.get("FAIL_INIT"):
        call("POST", "/init/error", json.dumps({"errorType": "Runtime.NoSuchHandler", "errorMessage": "nope"}),
             {"Lambda-Runtime-Function-Error-Type": "Runtime.NoSuchHandler"})
        sys.exit(1)
    while True:
        answer, payload = call("GET", "/invocation/next")
        request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            result = json.dumps(from_url(json.loads(payload)))
            answer, told = call("POST", f"/invocation/{request}/response", result)
        except ValueError as error:
            body = json.dumps({"errorMessage": str(error), "errorType": "ValueError", "stackTrace": []})
            call("POST", f"/invocation/{request}/error", body)

class Fc(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        print(self.command, self.path, self.headers["X-Fc-Control-Path"], flush=True)
        extra, kind = {}, "application/json"
        if self.path == "/page.html": result, kind = b"<p>", "text/html"
        elif self.path == "/seen":
            result = json.dumps({"headers": dict(self.headers), "method": self.command}).encode()
        else:
            result = json.dumps(act(json.loads(body or b"{}"))).encode()
        if self.path == "/marked": extra = {"x-fc-status": "404", "X-Fc-Fake": "1", "Server": "mine"}
        status = int(os.environ.get("INIT_STATUS", 200)) if self.path == "/initialize" else 200
        self.send_response(status)
        for name, value in {**extra, "Content-Type": kind, "Content-Length": str(len(result))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(result)
    do_GET = do_POST = do_PUT = do

def fc(port):
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer((os.environ.get("LISTEN", "0.0.0.0"), port), Fc).serve_forever()

if "AWS_LAMBDA_RUNTIME_API" in os.environ: aws(os.environ["AWS_LAMBDA_RUNTIME_API"])
else: fc(int(os.environ["FC_CUSTOM_LISTEN_PORT"]))
'''

EDGE = """
import base64, hashlib

def handler(event, context):
    record = event["Records"][0]["cf"]
    kind = record["config"]["eventType"]
    if kind.endswith("-response"):
        record["response"]["headers"]["x-isthmus-edge"] = [{"key": "x-isthmus-edge", "value": kind}]
        return record["response"]
    request = record["request"]
    if request["uri"] == "/generated":
        return {"status": "403", "headers": {"x-by": [{"value": "edge"}]}, "body": "no"}
    if request["uri"] == "/forbidden-header":
        request["headers"]["x-edge-mine"] = [{"value": "1"}]
    if request["uri"] == "/read-only":
        request["headers"]["via"] = [{"value": "me"}]
    if request["uri"] == "/raise":
        raise RuntimeError("edge broke")
    if "body" in request:
        body = base64.b64decode(request["body"]["data"])
        request["headers"]["x-amz-content-sha256"] = [
            {"key": "x-amz-content-sha256", "value": hashlib.sha256(body).hexdigest()}
        ]
    return request
"""


def make_zip(files: dict[str, str | bytes], modes: dict[str, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | (modes or {}).get(name, 0o644)) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def function_zip(main: str = MAIN) -> bytes:
    return make_zip({"bootstrap": BOOTSTRAP, "main.py": main}, {"bootstrap": 0o755})


def put_lambda(store: Store, name: str, code: str, **changes) -> None:
    properties = {
        "name": name,
        "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "runtime": "provided.al2023",
        "handler": "handlers.hello.handler",
        "memorySize": 256,
        "timeout": 20,
        "role": f"arn:aws:iam::{ACCOUNT}:role/hello",
        **changes,
    }
    store.put(Resource("aws:lambda/function:Function", name, f"urn:{name}", properties, {"code": code, "versions": {}}))


def put_edge(store: Store, source: str = EDGE) -> None:
    code = store.put_blob(make_zip({"handlers/__init__.py": "", "handlers/edge.py": source}))
    properties = {
        "name": "edge",
        "arn": EDGE_ARN.removesuffix(":1"),
        "qualifiedArn": EDGE_ARN,
        "runtime": "python3.13",
        "handler": "handlers.edge.handler",
        "memorySize": 128,
        "timeout": 10,
        "role": f"arn:aws:iam::{ACCOUNT}:role/edge",
        "region": "us-east-1",
    }
    private = {"code": code, "versions": {"1": {"code": code, "properties": properties}}}
    store.put(Resource("aws:lambda/function:Function", "edge", "urn:edge", properties, private))


def put_url(store: Store, host: str, auth: str, function: str = "hello", **changes) -> None:
    properties = {
        "functionUrl": f"https://{host}/",
        "urlId": host.partition(".")[0],
        "functionName": function,
        "authorizationType": auth,
        "invokeMode": "BUFFERED",
        **changes,
    }
    store.put(Resource("aws:lambda/functionUrl:FunctionUrl", host, f"urn:{host}", properties))


def put_permission(store: Store, name: str, action: str, **changes) -> None:
    properties = {"action": action, "function": "hello", **changes}
    store.put(Resource("aws:lambda/permission:Permission", name, f"urn:{name}", properties))


def allow_distribution(store: Store) -> None:
    for name, action in (("url", "lambda:InvokeFunctionUrl"), ("function", "lambda:InvokeFunction")):
        put_permission(store, name, action, principal="cloudfront.amazonaws.com", sourceArn=DISTRIBUTION_ARN)


def put_distribution(store: Store, **behaviour) -> None:
    default = {
        "targetOriginId": "function",
        "viewerProtocolPolicy": "redirect-to-https",
        "allowedMethods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
        "cachedMethods": ["GET", "HEAD"],
        "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "originRequestPolicyId": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
        "responseHeadersPolicyId": "67f7725c-6f97-4210-82d7-5512b31e9d03",
        "lambdaFunctionAssociations": [
            {"eventType": "origin-request", "lambdaArn": EDGE_ARN, "includeBody": True},
            {"eventType": "viewer-response", "lambdaArn": EDGE_ARN, "includeBody": False},
        ],
        **behaviour,
    }
    origin = {
        "originId": "function",
        "domainName": URL_HOST,
        "originAccessControlId": "OAC1",
        "customOriginConfig": {
            "httpsPort": 443,
            "originProtocolPolicy": "https-only",
            "originSslProtocols": ["TLSv1.2"],
        },
    }
    properties = {
        "domainName": DISTRIBUTION_HOST,
        "arn": DISTRIBUTION_ARN,
        "enabled": True,
        "origins": [origin],
        "defaultCacheBehavior": default,
    }
    store.put(Resource("aws:cloudfront/distribution:Distribution", "E111111ABCDEF", "urn:d", properties))
    control = {"originAccessControlOriginType": "lambda", "signingBehavior": "always", "signingProtocol": "sigv4"}
    store.put(Resource("aws:cloudfront/originAccessControl:OriginAccessControl", "OAC1", "urn:oac", control))


def put_fc(store: Store, code: str, name: str = "site", **changes) -> None:
    properties = {
        "functionName": name,
        "functionArn": f"acs:fc:cn-hongkong:1234567890123456:functions/{name}",
        "runtime": "custom.debian10",
        "handler": "handlers.hello.handler",
        "memorySize": 512,
        "timeout": 20,
        "instanceConcurrency": 20,
        "role": "acs:ram::1234567890123456:role/site",
        **changes,
    }
    store.put(Resource("alicloud:fc/v3Function:V3Function", name, f"urn:{name}", properties, {"code": code}))


def put_trigger(store: Store, host: str, auth: str, function: str = "site") -> None:
    properties = {
        "functionName": function,
        "triggerConfig": json.dumps({"authType": auth, "methods": ["GET", "POST"]}),
        "httpTrigger": {"urlInternet": f"https://{host}"},
    }
    store.put(Resource("alicloud:fc/v3Trigger:V3Trigger", host, f"urn:{host}", properties))


def put_site(store: Store, *, private_origin: bool = True) -> None:
    bucket = {"bucket": "isthmus-site", "acl": "private", "extranetEndpoint": "oss-cn-hongkong.aliyuncs.com"}
    store.put(Resource("alicloud:oss/bucket:Bucket", "isthmus-site", "urn:b", bucket))
    role = {"roleName": "AliyunCDNAccessingPrivateOSSRole"}
    store.put(Resource("alicloud:ram/role:Role", role["roleName"], "urn:r", role))
    store.oss.put("isthmus-site", "index.html", b"<h1>hello</h1>", {"content-type": "text/html"})
    sources = [{"content": BUCKET_HOST, "type": "oss", "port": 443, "priority": 20}]
    domain = {"domainName": CDN_HOST, "cname": f"{CDN_HOST}.w.kunlunsl.com", "sources": sources}
    store.put(Resource("alicloud:cdn/domainNew:DomainNew", CDN_HOST, "urn:c", domain))
    configurations = {
        "set_req_host_header": {"domain_name": BUCKET_HOST},
        "back_to_origin_url_rewrite": {"source_url": "^/$", "target_url": "/index.html", "flag": "break"},
        "path_based_ttl_set": {"path": "/", "ttl": "60", "weight": "1"},
        "set_resp_header": {"key": "x-frame-options", "value": "DENY"},
    }
    if private_origin:
        configurations["l2_oss_key"] = {"private_oss_auth": "on"}
    for name, arguments in configurations.items():
        listed = [{"argName": key, "argValue": value} for key, value in arguments.items()]
        properties = {"domainName": CDN_HOST, "functionName": name, "functionArgs": listed}
        store.put(Resource("alicloud:cdn/domainConfig:DomainConfig", f"{CDN_HOST}:{name}:1", f"urn:{name}", properties))


def fill(store: Store) -> None:
    code = store.put_blob(function_zip())
    put_lambda(store, "hello", code)
    put_url(store, URL_HOST, "AWS_IAM")
    put_url(store, OPEN_URL_HOST, "NONE", "open")
    put_lambda(store, "open", code)
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        put_permission(store, f"open{action}", action, function="open", principal="*")
    put_edge(store)
    put_distribution(store)
    allow_distribution(store)
    put_fc(store, code)
    put_trigger(store, FC_HOST, "anonymous")
    put_trigger(store, FC_SIGNED_HOST, "function")
    put_site(store)


@dataclass
class Plane:
    """A running data plane, its store, and a client for it."""

    root: Path
    port: int
    store: Store
    session: aiohttp.ClientSession

    def request(self, method: str, host: str, path: str = "/", **options):
        headers = {"Host": f"{host}.localhost:{self.port}", **options.pop("headers", {})}
        return self.session.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "ISTHMUS_LOCAL_DIR": str(root), "PYTHONPATH": str(PROJECT)}


def command(root: Path, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """One `python -m localcloud` command, as the make tools run it."""
    return subprocess.run(
        [sys.executable, "-m", "localcloud", *arguments],
        env=environment(root),
        cwd=root,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        **options,
    )


def processes_of(root: Path) -> list[psutil.Process]:
    """Every process that runs code of this state: its command line or environment names the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            told = " ".join([*process.cmdline(), *process.environ().values()])
        except psutil.Error:
            continue
        if str(root) in told and process.pid != os.getpid():
            found.append(process)
    return found


def wait_until(condition, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


async def eventually(condition, seconds: float = 10.0) -> bool:
    """Like `wait_until`, for a condition that must run in the test's own thread and loop."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


@contextmanager
def data_plane(root: Path):
    """A running data plane over a filled store: folder, port and store."""
    store = Store(root)
    fill(store)
    port = free_port()
    started = command(root, "start", "--port", str(port))
    assert started.returncode == 0, textwrap.indent(started.stderr, "  ")
    yield root, port, store
    stopped = command(root, "stop")
    assert stopped.returncode == 0, stopped.stderr
    store.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A data plane of its own for a test module."""
    with data_plane(tmp_path_factory.mktemp("cloud")) as plane:
        yield plane


@pytest.fixture
async def plane(running):
    root, port, store = running
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield Plane(root, port, store, session)

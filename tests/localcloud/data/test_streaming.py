"""One zip with our own runtime and a real web application, behind a function URL, CloudFront and an HTTP trigger.

Does not prove how fast the clouds pass pieces on, nor what AWS makes of a streamed reply behind a URL that buffers:
our runtime sends none there.
"""

from __future__ import annotations

import sys

import aiohttp
import pytest

from .conftest import (
    BOOTSTRAP,
    DISTRIBUTION_HOST,
    PROJECT,
    REGION,
    URL_HOST,
    allow_distribution,
    make_zip,
    put_distribution,
    put_edge,
    put_fc,
    put_lambda,
    put_permission,
    put_trigger,
    put_url,
)

FC_HOST = "pieces-abcdefghij.cn-hongkong.fcapp.run"
FASTAPI = """
import asyncio, os
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from runtime.asgi import adapt

app = FastAPI()

async def made(until):
    yield b"first;"
    while not os.path.exists(until):
        await asyncio.sleep(0.01)
    yield b"second"

@app.get("/pieces")
async def pieces(until: str):
    return StreamingResponse(made(until), 207, {"x-a": "b", "set-cookie": "c=d"}, "text/csv")

@app.get("/fails")
async def fails():
    async def broken():
        yield b"first;"
        raise ValueError("in the middle")
    return StreamingResponse(broken())

@app.post("/echo/{name}")
async def echo(name: str, body: dict):
    return {"name": name, "body": body}

@app.get("/octets")
async def octets():
    return Response(bytes(range(256)), media_type="application/octet-stream")

handler = adapt(app)
"""
FLASK = """
import os, time
from flask import Flask, request
from runtime.wsgi import adapt

app = Flask("x")

def made(until):
    yield b"first;"
    while not os.path.exists(until):
        time.sleep(0.01)
    yield b"second"

@app.get("/pieces")
def pieces():
    return made(request.args["until"]), 207, {"x-a": "b", "set-cookie": "c=d", "content-type": "text/csv"}

@app.get("/fails")
def fails():
    def broken():
        yield b"first;"
        raise ValueError("in the middle")
    return broken()

@app.post("/echo/<name>")
def echo(name):
    return {"name": name, "body": request.get_json()}

@app.get("/octets")
def octets():
    return bytes(range(256)), {"content-type": "application/octet-stream"}

handler = adapt(app)
"""
GENERATOR = """
import os, time

def made(until):
    yield "first;"
    while not os.path.exists(until):
        time.sleep(0.01)
    yield "second"

def handler(event, context):
    if event["rawPath"] == "/plain":
        return {"plain": True}
    return {"statusCode": 207, "headers": {"x-a": "b", "content-type": "text/csv"}, "cookies": ["c=d"],
            "body": made(event["queryStringParameters"]["until"])}
"""
APPLICATIONS = {"fastapi": FASTAPI, "flask": FLASK, "generator": GENERATOR}


def application_zip(source: str) -> bytes:
    """Our runtime's sources and an application, on this machine's interpreter with its packages."""
    folders = [path for path in sys.path if path.endswith("site-packages")]
    start = f"import sys\nsys.path += {folders!r}\n"
    files: dict[str, str | bytes] = {
        f"runtime/{path.relative_to(PROJECT / 'runtime')}": path.read_bytes()
        for path in (PROJECT / "runtime").rglob("*.py")
    }
    bootstrap = BOOTSTRAP.replace("-I -S -B", "-I -S -B -X utf8").replace("main.py", "runtime/main.py")
    files |= {"bootstrap": bootstrap, "app.py": start + source}
    return make_zip(files, {"bootstrap": 0o755})


def url_host(name: str) -> str:
    return f"{f'{name:a<8}' * 4:.32}.lambda-url.{REGION}.on.aws"


@pytest.fixture(scope="module")
def deployed(running):
    """Each application once on Function Compute and twice on Lambda, all from the same bytes."""
    store = running[2]
    for name, source in APPLICATIONS.items():
        code = store.put_blob(application_zip(source))
        for mode in ("BUFFERED", "RESPONSE_STREAM"):
            function = f"{name}-{mode[0].lower()}"
            variables = {"ISTHMUS_INVOKE_MODE": mode}
            put_lambda(store, function, code, handler="app.handler", environment={"variables": variables})
            put_url(store, url_host(function.replace("-", "")), "NONE", function, invokeMode=mode)
            for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
                put_permission(store, f"{function}{action}", action, function=function, principal="*")
        put_fc(store, code, name, handler="app.handler")
        put_trigger(store, FC_HOST.replace("pieces", name), "anonymous", name)


@pytest.fixture
def streaming_plane(plane, deployed):
    return plane


def host_of(name: str, where: str) -> str:
    return FC_HOST.replace("pieces", name) if where == "fc" else url_host(f"{name}{where}")


@pytest.fixture
def mark(tmp_path):
    """Called with a Path's method: what the second piece of `/pieces` waits for, such as `mark("touch")`."""
    path = tmp_path / "file"
    return lambda act: getattr(path, act)()


async def check_pieces(plane, host: str, mark, *, buffered: bool = False):
    """The reply of `/pieces`, which sends its second piece only once there is a mark; its headers."""
    mark("touch")
    if not buffered:
        mark("unlink")
    async with plane.request("GET", host, "/pieces", params={"until": mark("as_posix")}) as response:
        assert await response.content.readexactly(6) == b"first;"
        mark("touch")
        assert await response.read() == b"second"
        assert response.status == 207
        assert (response.headers["x-a"], response.headers["set-cookie"]) == ("b", "c=d")
        assert response.headers["content-type"].startswith("text/csv")
        return response.headers


@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize("where", ["r", "fc"])
async def test_pieces_reach_the_caller_as_they_are_made(streaming_plane, mark, name, where):
    await check_pieces(streaming_plane, host_of(name, where), mark)


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_a_url_that_buffers_gives_the_same_in_one_piece(streaming_plane, mark, name):
    headers = await check_pieces(streaming_plane, host_of(name, "b"), mark, buffered=True)
    assert headers["content-length"] == "12"


@pytest.mark.parametrize("name", ["fastapi", "flask"])
@pytest.mark.parametrize("where", ["b", "r", "fc"])
async def test_whole_replies_are_the_same_everywhere(streaming_plane, name, where):
    host = host_of(name, where)
    async with streaming_plane.request("POST", host, "/echo/%C3%A9", json={"a": ["云"]}) as response:
        assert (response.status, await response.json()) == (200, {"name": "é", "body": {"a": ["云"]}})
    async with streaming_plane.request("GET", host, "/octets") as response:
        assert (response.status, await response.read()) == (200, bytes(range(256)))
        assert response.headers["content-type"] == "application/octet-stream"
    async with streaming_plane.request("GET", host, "/nowhere") as response:
        assert response.status == 404


@pytest.mark.parametrize("where", ["b", "r", "fc"])
async def test_a_plain_result_is_a_json_200_in_either_mode(streaming_plane, where):
    async with streaming_plane.request("GET", host_of("generator", where), "/plain") as response:
        assert (response.status, await response.json()) == (200, {"plain": True})


@pytest.mark.parametrize("name", ["fastapi", "flask"])
@pytest.mark.parametrize("where", ["r", "fc"])
async def test_a_reply_that_fails_in_the_middle_is_cut_off_and_the_next_one_is_whole(
    streaming_plane, mark, name, where
):
    host = host_of(name, where)
    async with streaming_plane.request("GET", host, "/fails") as response:
        with pytest.raises(aiohttp.ClientError):
            await response.read()
    await check_pieces(streaming_plane, host, mark)


async def test_a_reply_that_fails_while_it_is_gathered_is_a_502(streaming_plane):
    async with streaming_plane.request("GET", host_of("fastapi", "b"), "/fails") as response:
        assert response.status == 502


async def test_cloudfront_passes_pieces_on(streaming_plane, mark):
    store = streaming_plane.store
    code = store.put_blob(application_zip(FASTAPI))
    variables = {"ISTHMUS_INVOKE_MODE": "RESPONSE_STREAM"}
    put_lambda(store, "hello", code, handler="app.handler", environment={"variables": variables})
    put_url(store, URL_HOST, "AWS_IAM", invokeMode="RESPONSE_STREAM")
    put_edge(store)
    put_distribution(store)
    allow_distribution(store)

    headers = await check_pieces(streaming_plane, DISTRIBUTION_HOST, mark)

    assert headers["x-isthmus-edge"] == "viewer-response"

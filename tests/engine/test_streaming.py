"""An application of FastAPI's with its requirements, deployed by the real engine to both local clouds, streaming.

Does not prove how the clouds themselves pass pieces on. The tests run in order on one deployment.
"""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.engine.test_first_light import post

pytestmark = pytest.mark.engine

APPLICATION = """
import asyncio, json, os
from fastapi import FastAPI, Request
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
    return StreamingResponse(made(until), 207, media_type="text/csv")

@app.post("/echo")
async def echo(request: Request):
    return {"body": json.loads(await request.body())}

handler = adapt(app)
"""


@pytest.fixture(scope="module")
def deployed(workspace):
    (workspace.root / "handlers/shop.py").write_text(APPLICATION)
    (workspace.root / "handlers/requirements.txt").write_text("fastapi==0.165.0\n")
    workspace.edit(
        "Pulumi.local.yaml",
        "config:\n",
        "config:\n  isthmus:handler: handlers.shop.handler\n  isthmus:streaming: true\n",
    )
    workspace.make("up")
    return workspace


def at(url: str, path: str) -> str:
    return url.rstrip("/") + path


@pytest.mark.parametrize("name", ["cloudfront", "fc"])
def test_pieces_reach_the_caller_as_they_are_made(deployed, tmp_path, name):
    mark = tmp_path / "mark"
    url = at(deployed.urls()[name], "/pieces")
    host = url.split("/")[2]
    local = f"http://127.0.0.1:{deployed.port}/pieces?until={mark}"
    request = urllib.request.Request(local, headers={"Host": host})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 207
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.read(6) == b"first;"
        mark.touch()
        assert answer.read() == b"second"


@pytest.mark.parametrize("name", ["cloudfront", "fc"])
def test_whole_replies_come_from_the_same_bytes(deployed, name):
    assert json.loads(post(at(deployed.urls()[name], "/echo"), {"a": "云"})) == {"body": {"a": "云"}}


def test_the_url_streams_and_the_function_knows(deployed):
    (url,) = deployed.resources("aws:lambda/functionUrl:FunctionUrl")
    assert url.properties["invokeMode"] == "RESPONSE_STREAM"


def test_back_to_a_url_that_buffers(deployed):
    deployed.edit("Pulumi.local.yaml", "  isthmus:streaming: true\n", "")
    deployed.make("up")
    assert post(at(deployed.urls()["cloudfront"], "/echo"), {"a": 1}) == b'{"body":{"a":1}}'

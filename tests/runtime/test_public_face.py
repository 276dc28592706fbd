"""What a handler's author sees: few names, typed to the last one, each described.

Does not prove that every type checker agrees with pyright.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import runtime
from tests.runtime.conftest import ROOT

HANDLER = """
from collections.abc import AsyncIterator, Iterator
from typing import Any

from runtime import Context, Request, on_shutdown, response


@on_shutdown
def close() -> None:
    print("closing")


@on_shutdown
async def close_later() -> None:
    close()


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    request = Request.of(event)
    if request is None:
        return {"id": context.aws_request_id, "left": context.remaining_ms(), "cloud": context.cloud}
    if request.method != "POST":
        return response(405, headers={"allow": "POST"})
    whole = request.body + str(request.query.get("a")).encode() + "".join(request.cookies).encode()
    return response(201, {"path": request.path, "size": len(whole), "said": request.json()}, {"x-one": "1"})


def pieces(event: object, context: Context) -> Iterator[bytes]:
    while not context.caller_gone:
        yield context.function_name.encode()


async def slow_pieces(event: object, context: Context) -> AsyncIterator[str]:
    keys = context.credentials
    yield keys.access_key_id
    yield context.tenant_id or context.trace_id or context.region
    identity = context.identity.cognito_identity_id
    yield identity or "nobody"
    if context.client_context is not None and context.client_context.client is not None:
        yield context.client_context.client.app_title or ""
    yield context.w3c().get("traceparent", "")
"""
APPLICATIONS = """
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from runtime import asgi, wsgi


async def asynchronous(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    await send(await receive())


def plain(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"x"]


first = asgi.adapt(asynchronous, stream=False, lifespan=False)
second = wsgi.adapt(plain, stream=False)
"""
FRAMEWORKS = """
from fastapi import FastAPI
from flask import Flask

from runtime import asgi, wsgi

first = asgi.adapt(FastAPI())
second = wsgi.adapt(Flask("x"))
"""
WRONG = """
from runtime import Context, response


def handler(event: object, context: Context) -> int:
    response("200")
    return context.no_such_field
"""


def pyright(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Strict pyright over a handler that finds the runtime as an installed, typed package."""
    (folder / "handler.py").write_text(source)
    (folder / "runtime").symlink_to(ROOT / "runtime")
    settings = '{"typeCheckingMode": "strict", "include": ["handler.py"], "pythonVersion": "3.11"}'
    (folder / "pyrightconfig.json").write_text(settings)
    command = [sys.executable, "-m", "pyright", "--project", str(folder), "--pythonpath", sys.executable]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("source", [HANDLER, APPLICATIONS, FRAMEWORKS], ids=["handler", "applications", "frameworks"])
def test_a_handler_is_strictly_typed(tmp_path, source):
    checked = pyright(tmp_path, source)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_wrong_handler_is_found_out(tmp_path):
    told = pyright(tmp_path, WRONG).stdout
    assert "reportArgumentType" in told
    assert "reportAttributeAccessIssue" in told


def test_the_face_is_small_and_each_part_of_it_described():
    assert set(runtime.__all__) == {"Context", "Request", "on_shutdown", "response"}
    page = (ROOT / "docs/runtime.md").read_text()
    for name in runtime.__all__:
        part = getattr(runtime, name)
        assert inspect.getdoc(part)
        assert f"`{name}" in page, "documented in docs/runtime.md"
        members = inspect.getmembers(part, lambda each: inspect.isfunction(each) or isinstance(each, property))
        for member, value in members if inspect.isclass(part) else []:
            assert member.startswith("_") or inspect.getdoc(value), f"{name}.{member}"
    assert (ROOT / "runtime/py.typed").exists()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        runtime.nonsense  # noqa: B018

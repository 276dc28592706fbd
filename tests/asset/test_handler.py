"""What the builder reads out of handler sources without importing them.

Does not prove: that the handler can be imported or called; the emulator tests do that.
"""

from __future__ import annotations

import re

import pytest

from asset import handler
from asset.pack import Member
from rules.finding import UserError


def files(sources):
    return {f"handlers/{name}.py": Member(text.encode()) for name, text in sources.items()}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "handler",
        "hello.handler",
        "handlers.hello",
        "handlers..handler",
        "other.hello.handler",
        "handlers.a b.c",
        "handlers/hello.handler",
        "handlers.hello.handler()",
        "handlers.class.handler",
        ".handlers.hello.handler",
    ],
)
def test_malformed_name_is_refused_in_one_sentence(text):
    with pytest.raises(
        UserError, match=r"^handler: name is .*, but must be 'handlers\.<module>\.<function>'"
    ) as caught:
        handler.parse_name(text)
    assert str(caught.value).count("\n") == 0


def test_name_may_lie_deeper():
    assert handler.parse_name("handlers.shop.cart.add") == handler.HandlerName("handlers.shop.cart", "add")


@pytest.mark.parametrize(
    "source",
    [
        "def handler(event, context): ...",
        "async def handler(event, context): ...",
        "class handler: ...",
        "handler = object()",
        "handler: object = object()",
        "first, handler = 1, 2",
        "from x import handler",
        "from x import other as handler",
        "import handler.parts",
        "from x import *",
        "def __getattr__(name): ...",
        "try:\n    from x import handler\nexcept ImportError:\n    handler = None",
        "import sys\nif sys.argv:\n    def handler(event, context): ...",
        "with open('x') as handler: ...",
    ],
)
def test_function_is_found(source):
    handler.check(handler.HandlerName("handlers.hello", "handler"), files({"hello": source}))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def other():\n    handler = 1",
        "class A:\n    def handler(self): ...",
        "f = lambda: (handler := 1)",
        "print(handler)",
        "handler: object",
        "x.handler = 1",
        "import x.handler",
    ],
)
def test_function_that_is_not_there_is_refused(source):
    with pytest.raises(UserError, match=r"function is 'handler'.*define `def handler\(event, context\)`"):
        handler.check(handler.HandlerName("handlers.hello", "handler"), files({"hello": source}))


def test_missing_module_is_refused():
    with pytest.raises(UserError, match=r"module is 'handlers\.nobody'.*create handlers/nobody\.py"):
        handler.check(handler.HandlerName("handlers.nobody", "handler"), files({"hello": ""}))


def test_package_comes_before_module():
    sources = files({"shop": "", "shop/__init__": "def handler(event, context): ..."})
    assert handler.module_path("handlers.shop", sources) == "handlers/shop/__init__.py"


@pytest.mark.parametrize("source", [b"def handler(:", b"\xff\xfe\x00", b"x = '\x00'", b"(" * 5000])
def test_source_that_does_not_parse_is_refused(source):
    sources = {"handlers/hello.py": Member(source)}
    with pytest.raises(UserError, match=r"^handlers/hello\.py.*source is .*correct the file"):
        handler.check(handler.HandlerName("handlers.hello", "handler"), sources)


def test_edge_takes_what_the_handler_imports_and_nothing_else():
    sources = files(
        {
            "__init__": "",
            "edge": "import json\nfrom . import signing\nfrom handlers.deep.inner import tool\n",
            "signing": "def sign():\n    import handlers.late\n",
            "late": "",
            "deep/__init__": "",
            "deep/inner": "from ..shared import constant\nfrom .beside import thing\n",
            "deep/beside": "",
            "shared": "constant = 1",
            "hello": "raise SystemExit",
        }
    )
    found = handler.with_imports(handler.HandlerName("handlers.edge", "handler"), sources)
    assert set(found) == set(sources) - {"handlers/hello.py"}


def test_edge_handler_without_our_runtime():
    sources = files({"edge": "from . import tools", "tools": "from runtime import Context"})
    (finding,) = handler.edge_findings(sources)
    assert re.match(r"handlers/tools\.py: import is 'runtime'.*managed Python", str(finding))

"""Handlers that more than one file of tests serves, as the source text that the process under test imports."""

from __future__ import annotations

ECHO = "def handler(event, context):\n    return event\n"

FAULTS = """
import os, sys, uuid, datetime, decimal, dataclasses, enum, subprocess, threading

@dataclasses.dataclass
class Point:
    x: int
    when: datetime.date

class Colour(enum.Enum):
    RED = "red"

class Hostile(Exception):
    def __str__(self):
        raise SystemExit("from __str__")
    __repr__ = __str__

class lower_case(Exception):
    pass

def chained():
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("outer") from error

def context_only():
    try:
        int("x")
    except ValueError:
        raise RuntimeError("second")

def noted():
    error = ValueError("with a note")
    error.__notes__ = ["look here"]
    raise error

def hostile_notes():
    error = ValueError("x")
    error.__notes__ = 5
    raise error

def cyclic():
    value = []
    value.append(value)
    return value

def deep(depth=100_000):
    value = []
    for _ in range(depth):
        value = [value]
    return value

def endless():
    return endless()

def huge_message():
    raise ValueError("x" * 10_000_000)

def huge_notes():
    error = ValueError("x" * 10_000_000)
    error.__notes__ = ["x" * 10_000_000] * 150
    raise error

def huge_chain():
    error = None
    for _ in range(30):
        earlier, error = error, ValueError("x" * 1_000_000)
        error.__cause__ = earlier
    raise error

def fork_and_return():
    pid = os.fork()
    if pid == 0:
        return "from the child"
    os.waitpid(pid, 0)
    return "from the parent"

def fork_and_exit():
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    os.waitpid(pid, 0)
    return "from the parent"

async def coroutine_forks():
    return fork_and_return()

def pieces_fork():
    yield "a piece "
    yield fork_and_return()

async def async_pieces_fork():
    yield "a piece "
    yield fork_and_return()

def fork_and_stay():
    import time
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid

def fork_and_end():
    import time
    pid = fork_and_stay()
    os.kill(pid, 15)
    time.sleep(0.1)
    os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def group():
    raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])

async def coroutine():
    import asyncio
    await asyncio.sleep(0)
    return "awaited"

async def coroutine_exits():
    sys.exit(4)

DO = {
    "raise": lambda: 1 / 0,
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "hostile": lambda: (_ for _ in ()).throw(Hostile()),
    "lower": lambda: (_ for _ in ()).throw(lower_case("x")),
    "nan": lambda: {"a": [float("nan")]},
    "decimal_nan": lambda: decimal.Decimal("NaN"),
    "set": lambda: {"a": {1}},
    "bytes_inside": lambda: {"a": b"x"},
    "generator_inside": lambda: {"a": (n for n in range(3))},
    "surrogate": lambda: {"x": "\\ud800é"},
    "text": lambda: "é€😀",
    "bytes": lambda: b"\\x00\\xff",
    "bytearray": lambda: bytearray(b"ab"),
    "decimal": lambda: [decimal.Decimal("1.10"), decimal.Decimal("1E+3")],
    "rich": lambda: {"at": datetime.datetime(2026, 11, 22, 1, 2, 3), "id": uuid.UUID(int=1),
        "p": Point(1, datetime.date(2026, 1, 2)), "c": Colour.RED, "t": (1, 2)},
    "big": lambda: "x" * 7_000_000,
    "none": lambda: None,
}

def handler(event, context):
    do = event["do"]
    return (DO.get(do) or globals()[do])()
"""
"""Does what an event names in `do`: what handlers do wrong, and results that are hard to encode."""

APP = """
import asyncio, os, subprocess, sys, threading, time
from runtime import response

def handler(event, context):
    if isinstance(event, dict) and event.get("version") == "2.0":
        return globals()[event["rawPath"].strip("/") or "whole"](event, context)
    if isinstance(event, dict) and "do" in event:
        return globals()[event["do"]](event, context)
    return event

def whole(event, context):
    return event

def invoke(event, context):
    return "the public's own /invoke"

initialize = pre_stop = invoke

def fail(event, context):
    raise ValueError("secret of the inside")

def leave(event, context):
    sys.exit(3)

def sleep(event, context):
    time.sleep(event["seconds"])
    return threading.get_ident()

async def asleep(event, context):
    await asyncio.sleep(event["seconds"])
    return context.request_id

def waits(event, context):
    for _ in range(500):
        if context.caller_gone:
            print(context.request_id, "gone", flush=True)
            return "gone"
        time.sleep(0.01)

async def awaits(event, context):
    for _ in range(500):
        if context.caller_gone:
            print(context.request_id, "gone", flush=True)
            return "gone"
        await asyncio.sleep(0.01)

def not_gone(event, context):
    return context.caller_gone

async def aexit(event, context):
    sys.exit(3)

def nan(event, context):
    return float("nan")

def raw(event, context):
    return b"\\x00\\xff"

def teapot(event, context):
    return {"statusCode": 201, "headers": {"X-One": "1", "content-type": "text/css", "Content-Length": "99",
        "Connection": "close", "x-fc-status": "200", "X-Num": 5, "X-Bool": True},
        "cookies": ["a=1", "b=2"], "body": "é"}

def based(event, context):
    return response(200, b"\\x00\\xff")

def empty(event, context):
    return {"statusCode": 204}

def injected(event, context):
    return {"statusCode": 200, "headers": {"x": "a\\r\\nSet-Cookie: b"}, "body": ""}

def status(event, context):
    return {"statusCode": event["queryStringParameters"]["s"]}

def objectbody(event, context):
    return {"statusCode": 200, "body": {"a": 1}}

def badbase(event, context):
    return {"statusCode": 200, "body": "a", "isBase64Encoded": True}

def keys(event, context):
    keys = context.credentials
    return [keys.access_key_id, keys.access_key_secret, keys.security_token]

def renew(event, context):
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "renewed"

def facts(event, context):
    return [context.cloud, context.request_id, context.function_name, context.function_version,
            context.memory_limit_in_mb,
            context.region, context.account_id, context.invoked_function_arn, context.log_group_name,
            context.log_stream_name,
            context.remaining_ms()]

def big(event, context):
    return "x" * event["size"]

def fork(event, context):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return "parent"
    return "child"

def orphan(event, context):
    subprocess.run(["/bin/sh", "-c", "/bin/sh -c 'sleep 0.1' &"], check=True)
    return os.getpid()

def exit_code(event, context):
    return subprocess.run(["/bin/sh", "-c", "exit 7"]).returncode
"""
"""Does what an event or a path names; any other event comes back."""

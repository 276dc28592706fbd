"""Handlers that more than one file of tests serves, as the source text that the process under test imports."""

from __future__ import annotations

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

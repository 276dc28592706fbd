"""A handler that does what no handler should, with a hook for the end of its process."""

from __future__ import annotations

import ctypes
import os
import sys
import time

from runtime import on_shutdown


@on_shutdown
def say_goodbye():
    print("the hook ran", flush=True)


def handler(event, context):
    return _DO[event["do"]]()


def group():
    raise ExceptionGroup("several", [ValueError("one")])


def pieces():
    yield "first;"
    yield "second"


_DO = {
    "nothing": os.getpid,
    "exit": lambda: sys.exit(3),
    "nan": lambda: float("nan"),
    "surrogate": lambda: "\ud800",
    "big": lambda: "x" * 7_000_000,
    "largest": lambda: "x" * (6 * 1024 * 1024 + 98),
    "group": group,
    "pieces": pieces,
    "die": lambda: os._exit(7),
    "segfault": lambda: ctypes.string_at(0),
    "sleep": lambda: time.sleep(30),
}

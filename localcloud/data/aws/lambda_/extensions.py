"""The part of the Extensions API that a runtime's own (internal) extension uses: register, then wait for events.

Source: Lambda Developer Guide, "Using the Lambda Extensions API to create extensions"; statuses and messages as the
Runtime Interface Emulator of AWS gives them. Events are never sent: internal extensions that ask for none are all that
is known here, and they exist to be told of the end by SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import uuid

from .runtime_http import Exchange, Reply

SHUTDOWN_SECONDS = 0.5
"""Lambda Developer Guide, "Understanding the Lambda execution environment lifecycle": the limit with an internal
extension; without one the process gets none."""

REGISTER = ("POST", "/2020-01-01/extension/register")
NEXT = ("GET", "/2020-01-01/extension/event/next")


class Extensions:
    """The extensions of one execution environment."""

    def __init__(self) -> None:
        self._waiting: dict[str, bool] = {}
        self.all_wait = asyncio.Event()
        """Set while every registered extension waits for its next event, without which the init phase is not over."""
        self.all_wait.set()

    @property
    def any(self) -> bool:
        return bool(self._waiting)

    async def register(self, exchange: Exchange, *, initialised: bool) -> Reply:
        """Register an extension; its name must come with the call, and no event may be asked for."""
        body = b"".join([piece async for piece in exchange.body()])
        if initialised:
            return _refusal(403, "Extension.RegistrationClosed", "Extension registration is closed")
        if not exchange.headers.get("lambda-extension-name"):
            return _refusal(403, "Extension.InvalidExtensionName", "Empty extension name")
        try:
            events = json.loads(body or b"{}").get("events") or []
        except (ValueError, AttributeError):
            return _refusal(403, "InvalidRequestFormat", "The request is no JSON object")
        if events:
            return _refusal(403, "Extension.InvalidEventType", f"{events[0]}: event is not supported here")
        identifier = str(uuid.uuid4())
        self._waiting[identifier] = False
        self.all_wait.clear()
        headers = [("Content-Type", "application/json"), ("Lambda-Extension-Identifier", identifier)]
        return Reply(200, b"{}", headers)

    async def next(self, exchange: Exchange) -> Reply:
        """Wait for an event, which never comes; the environment's end closes the connection."""
        identifier = exchange.headers.get("lambda-extension-identifier", "")
        if identifier not in self._waiting:
            return _refusal(403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
        self._waiting[identifier] = True
        if all(self._waiting.values()):
            self.all_wait.set()
        await asyncio.Event().wait()
        raise AssertionError


def _refusal(status: int, kind: str, message: str) -> Reply:
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
    return Reply(status, body, [("Content-Type", "application/json")])

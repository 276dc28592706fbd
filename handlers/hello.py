"""The first handler: greets whoever is named, over HTTP and as a raw event, on both clouds."""

from __future__ import annotations

from runtime import Context, Request, response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WANTED = 'a JSON object such as {"firstName": "Ada"}'


def handler(event: Any, context: Context) -> dict[str, Any]:  # noqa: ARG001
    """`{"firstName": str}` → `{"message": str}`.

    Over HTTP a wrong body is answered with 400 and `{"message": str}`; a wrong raw event raises ValueError.
    """
    request = Request.of(event)
    if request is None:
        return _greeting(event)
    try:
        return _greeting(request.json())
    except ValueError as error:
        return response(400, {"message": f"{error}; send {_WANTED}"})


def _greeting(payload: Any) -> dict[str, str]:
    name = payload.get("firstName") if isinstance(payload, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError("firstName is missing or no text")
    return {"message": f"Hello, {name}!"}

"""JSON in and out, the same on both clouds.

In: UTF-8 JSON; an empty payload is `{}`. Out, by type of the value, at any depth:

| value | JSON |
|---|---|
| dict, list, tuple, str, int, float, bool, None | as `json.dumps`, in UTF-8 |
| named tuple | object of its fields |
| `decimal.Decimal` | number with exactly its digits |
| `datetime.datetime`, `date`, `time` | string, ISO 8601 (`isoformat()`) |
| `uuid.UUID` | string |
| `enum.Enum` | its value |
| dataclass instance | object of its fields |
| NaN, Infinity (float or Decimal), bytes inside JSON, set, any other type | refused: `Runtime.MarshalError` |

A result that is `bytes`, `bytearray` or `memoryview` itself passes through untouched. A str with lone surrogates,
which UTF-8 cannot hold, turns the whole document into ASCII with escapes.

Where the handler's requirements hold orjson, it does the work with the same results: see `runtime.orjson_codec`.

`import json` costs more than the rest of the runtime's start (it pulls in `re` and `enum`), so its C parts are used
directly. They are private to CPython: a self-test decides once whether they do what is expected, else `json` works.
"""

from __future__ import annotations

import gc
import marshal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

JSON = "application/json"
OCTETS = "application/octet-stream"
_GC_PAUSE_BYTES = 65_536
_BINARY = (bytes, bytearray, memoryview)

_orjson: Any = None


class UnmarshalError(ValueError):
    """The event is not JSON."""

    error_type = "Runtime.UnmarshalError"


class MarshalError(TypeError):
    """The handler's result has no JSON form."""

    error_type = "Runtime.MarshalError"


def use_orjson() -> None:
    """From now on let orjson do the work, if it can be imported."""
    global _orjson  # noqa: PLW0603
    try:
        import orjson  # pyright: ignore[reportMissingImports]  # noqa: F401 - alone first: most zips are without it

        from runtime import orjson_codec
    except Exception:  # noqa: BLE001 - not there, or built for another machine: the standard library is as good
        return
    _orjson = orjson_codec


def loads(data: bytes | bytearray | memoryview) -> Any:
    """Parse UTF-8 JSON, with or without a byte order mark. Raises ValueError; RecursionError when nested too deep."""
    if _orjson is not None:
        try:
            return _orjson.loads(bytes(data))
        except ValueError:
            pass
    text = str(data, "utf-8")
    try:
        value, end = _scan(text, 0)
    except (StopIteration, SystemError):
        # CPython up to 3.11 raises SystemError for malformed JSON while json.decoder, home of the error, is not loaded.
        return _json_loads(text.removeprefix("\ufeff"))
    if end != len(text) and text[end:].strip(" \t\r\n"):
        return _json_loads(text)
    return value


def decode(data: memoryview) -> Any:
    """The event in an invocation's payload. Raises UnmarshalError."""
    if not data:
        return {}
    # Parsing makes no cycles, yet each collection it sets off walks every object made so far.
    pause = len(data) > _GC_PAUSE_BYTES and gc.isenabled()
    if pause:
        gc.disable()
    try:
        return loads(data)
    except (ValueError, RecursionError) as error:
        raise UnmarshalError(f"Unable to unmarshal input: {error}") from None
    finally:
        if pause:
            gc.enable()


def encode(result: Any) -> tuple[bytes, str]:
    """A handler's result as body and media type. Raises MarshalError."""
    if isinstance(result, _BINARY):
        return bytes(result), OCTETS
    return dumps(result), JSON


def dumps(value: Any) -> bytes:
    """JSON of `value` by the rules above. Raises MarshalError."""
    if _orjson is not None:
        try:
            return _orjson.dumps(value)
        except (TypeError, ValueError):
            pass
    if "collections" in sys.modules:
        value = _with_objects(value)
    try:
        text = "".join(_quick(value, 0))
    except (TypeError, ValueError, RecursionError):
        text = _thorough(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join(_escape_char(char) if char > "\x7f" else char for char in text).encode()


def dumps_loosely(value: Any) -> bytes:
    """JSON of `value` for a log: what has no JSON form becomes its `str()`. Never raises MarshalError."""
    try:
        return dumps(value)
    except MarshalError:
        import json

        return json.dumps(_finite(value), default=str, skipkeys=True).encode()


def _finite(value: Any) -> Any:
    """`value` with text for NaN and Infinity, which `json` would write as no JSON at all."""
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(member) for member in value]
    return str(value) if isinstance(value, float) and value - value != 0 else value


def _with_objects(value: Any) -> Any:
    """`value` with objects for named tuples, which the C encoder takes for arrays.

    `marshal` knows exact types only, so that it tells in C, far faster than JSON is written, whether there can be any.
    """
    try:
        marshal.dumps(value)
    except ValueError:
        try:
            return _objects(value)
        except RecursionError:
            return value  # the encoder says what is wrong with it
    return value


def _objects(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _objects(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_objects(member) for member in value]
    if isinstance(value, tuple):
        as_dict = getattr(value, "_asdict", None)
        if as_dict is not None:
            return _objects(as_dict())
        return [_objects(member) for member in value]
    return value


class _Raw(str):
    """Text that goes into the JSON as it stands."""

    __slots__ = ()


def _thorough(value: Any) -> str:
    """Encode what the quick way gave up on: with the types beyond JSON's own, or with the exact reason why not."""
    from json.encoder import encode_basestring

    def quote(text: str) -> str:
        return text if type(text) is _Raw else encode_basestring(text)

    try:
        return "".join(_make_encoder({}, _beyond_json, quote, None, ": ", ", ", False, False, False)(value, 0))  # noqa: FBT003
    except RecursionError:
        raise MarshalError("Unable to marshal response: nested too deep") from None
    except MarshalError:
        raise
    except (TypeError, ValueError) as error:
        reason = str(error)
        if reason.startswith("Out of range float"):
            reason = "NaN and Infinity have no JSON form; return None or a string instead"
        raise MarshalError(f"Unable to marshal response: {reason}") from None


def _beyond_json(value: Any) -> Any:
    """A stand-in that JSON has a form for. A type can only occur when its module is loaded already."""
    if _is(value, "decimal", "Decimal"):
        if not value.is_finite():
            raise MarshalError(
                f"Unable to marshal response: Decimal('{value}') has no JSON form; return None or a string"
            )
        return _Raw(value)
    if _is(value, "datetime", "date") or _is(value, "datetime", "time"):
        return value.isoformat()
    if _is(value, "uuid", "UUID"):
        return str(value)
    if _is(value, "enum", "Enum"):
        return _objects(value.value)
    if hasattr(type(value), "__dataclass_fields__"):
        fields = sys.modules["dataclasses"].fields(value)
        return {field.name: _objects(getattr(value, field.name)) for field in fields}
    raise MarshalError(f"Unable to marshal response: Object of type {type(value).__name__} is not JSON serializable")


def _is(value: Any, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name, ()))


def _escape_char(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 | code >> 10:04x}\\u{0xDC00 | code & 0x3FF:04x}"


def _json_loads(text: str) -> Any:
    import json

    return json.loads(text)


def _refuse(value: Any) -> Any:
    raise TypeError(type(value).__name__)


class _ScannerRules:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__
    memo: dict[str, str] = {}  # noqa: RUF012


def _c_parts() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    from _json import encode_basestring, make_encoder, make_scanner

    scan = make_scanner(_ScannerRules)  # pyright: ignore[reportArgumentType]
    quick = make_encoder(None, _refuse, encode_basestring, None, ": ", ", ", False, False, False)  # noqa: FBT003
    sample = '{"a": [1, -2.5, "\\u00e9\\n\\"", true, false, null, {}], "b": {"": "\u00e9"}}'
    value = {"a": [1, -2.5, 'é\n"', True, False, None, {}], "b": {"": "é"}}
    if scan(sample, 0) != (value, len(sample)) or "".join(quick(value, 0)) != sample.replace("\\u00e9", "é"):
        raise ImportError("_json does not behave as known")
    return scan, quick, make_encoder


def _python_parts() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    import json
    from json.encoder import _make_iterencode  # pyright: ignore[reportAttributeAccessIssue]

    def float_text(value: float) -> str:
        if value - value != 0:
            raise ValueError("Out of range float values are not JSON compliant")
        return float.__repr__(value)

    def make_encoder(*arguments: Any) -> Callable[..., Any]:
        *shape, _allow_nan = arguments
        return _make_iterencode(*shape[:4], float_text, *shape[4:], True)  # noqa: FBT003

    scan = json.JSONDecoder().scan_once  # pyright: ignore[reportAttributeAccessIssue]
    quick = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, default=_refuse)
    return scan, lambda value, _level: quick.iterencode(value), make_encoder


try:
    _scan, _quick, _make_encoder = _c_parts()
except (ImportError, TypeError, AttributeError):
    _scan, _quick, _make_encoder = _python_parts()

"""Property values as the engine sends them: decoded to Python, encoded back.

Inside a provider a value is plain JSON, `UNKNOWN`, an `Asset` or an `Archive`; what was secret is kept beside it
as a set of paths, so that no other module handles wrapped values. Source of the signatures: Pulumi's provider
protocol (`pulumi.runtime.rpc`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a signature of the protocol
_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Path = tuple[str | int, ...]
"""Where a value stands, such as `("origins", 0, "domainName")`."""


class Unknown:
    """The type of `UNKNOWN`: a value that only the real operation will tell."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Asset:
    """One file or text. `hash` is the SHA-256 of its bytes in hex; a diff request carries nothing else."""

    hash: str
    text: str | None = None
    path: str | None = None
    uri: str | None = None


@dataclass(frozen=True)
class Archive:
    """A finished archive, a folder, or assets by name. `hash` is what Pulumi computed for its content."""

    hash: str
    path: str | None = None
    uri: str | None = None
    assets: dict[str, Any] | None = None


@dataclass(frozen=True)
class Decoded:
    """The properties of one message and the paths in them that were marked secret."""

    values: dict[str, Any]
    secrets: frozenset[Path] = field(default_factory=frozenset)


def decode(properties: struct_pb2.Struct) -> Decoded:
    """Read the properties of a message; null members of objects are left out."""
    secrets: set[Path] = set()
    values = _decode_fields(properties, (), secrets)
    return Decoded(values, frozenset(secrets))


def encode(values: Mapping[str, Any], secrets: frozenset[Path] = frozenset()) -> struct_pb2.Struct:
    """Write properties as a message; the values at `secrets` are wrapped as secrets."""
    result = struct_pb2.Struct()
    result.update(to_json(values, secrets))
    return result


def to_json(value: Any, secrets: frozenset[Path] = frozenset(), path: Path = ()) -> Any:
    """The value with assets, archives and unknowns in the wire's form: plain JSON, fit for the store."""
    plain = _plain(value, secrets, path)
    if path in secrets:
        return {_SIGNATURE: _SECRET, "value": plain}
    return plain


def from_json(value: Any) -> Any:
    """The reverse of `to_json` (without secrets)."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return UNKNOWN if value == _UNKNOWN_TEXT else value
    members = {key: from_json(item) for key, item in value.items()}
    return _special(members) if _SIGNATURE in members else members


def has_unknown(value: Any) -> bool:
    """Whether anything inside the value is unknown."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def path_text(path: Path) -> str:
    """The path in Pulumi's notation, such as `origins[0].domainName`."""
    return "".join(_segments(path))


def _segments(path: Path) -> Iterator[str]:
    for position, part in enumerate(path):
        if isinstance(part, int):
            yield f"[{part}]"
        elif not part.replace("_", "").replace("-", "").isalnum():
            yield f'["{part}"]'
        else:
            yield f".{part}" if position else part


def _plain(value: Any, secrets: frozenset[Path], path: Path) -> Any:
    if value is UNKNOWN:
        return _UNKNOWN_TEXT
    if isinstance(value, Mapping):
        return {key: to_json(item, secrets, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item, secrets, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, Asset | Archive):
        signature = _ASSET if isinstance(value, Asset) else _ARCHIVE
        members = {key: to_json(item) for key, item in vars(value).items() if item is not None}
        return {_SIGNATURE: signature, **members}
    return value


def _decode_fields(struct: struct_pb2.Struct, path: Path, secrets: set[Path]) -> dict[str, Any]:
    return {
        key: _decode(value, (*path, key), secrets)
        for key, value in struct.fields.items()
        if value.WhichOneof("kind") != "null_value"
    }


def _decode(value: struct_pb2.Value, path: Path, secrets: set[Path]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _decode_struct(value.struct_value, path, secrets)
    if kind == "list_value":
        return [_decode(item, (*path, index), secrets) for index, item in enumerate(value.list_value.values)]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if value.string_value == _UNKNOWN_TEXT else value.string_value
    return value.bool_value if kind == "bool_value" else None


def _decode_struct(struct: struct_pb2.Struct, path: Path, secrets: set[Path]) -> Any:
    signature = struct.fields[_SIGNATURE].string_value if _SIGNATURE in struct.fields else ""
    if signature == _SECRET or (signature == _OUTPUT and struct.fields["secret"].bool_value):
        secrets.add(path)
    if signature in (_SECRET, _OUTPUT):
        return _decode(struct.fields["value"], path, secrets) if "value" in struct.fields else UNKNOWN
    members = _decode_fields(struct, path, secrets)
    return _special(members) if signature else members


def _special(members: dict[str, Any]) -> Any:
    """An asset or archive as such; a reference to a resource as its id (its URN when it is a component)."""
    signature = members.pop(_SIGNATURE)
    if signature == _RESOURCE:
        return members.get("id", members.get("urn"))
    kind = {_ASSET: Asset, _ARCHIVE: Archive}.get(signature)
    if kind is None:
        raise ValueError(f"a property value has the signature {signature}, which this provider does not know")
    names = ("hash", "text", "path", "uri") if kind is Asset else ("hash", "path", "uri", "assets")
    return kind(**{"hash": "", **{name: members[name] for name in names if name in members}})

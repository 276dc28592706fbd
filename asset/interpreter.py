"""Turns the files of an interpreter into members of the zip: compiled, without debug data, with their licences."""

from __future__ import annotations

from pathlib import Path

from asset import bytecode, elf, launch, licences
from asset.pack import PLAIN, PROGRAM, Member
from asset.sources import Interpreter


def members(interpreter: Interpreter) -> dict[str, Member]:
    """Everything below `python/` in the zip."""
    python = launch.program_name(interpreter)
    found = {
        f"python/bin/{python}": Member(launch.wrapper(interpreter), PROGRAM),
        f"python/bin/{python}.bin": _binary(interpreter.program, PROGRAM),
        f"python/lib/{interpreter.loader.name}": _binary(interpreter.loader, PROGRAM),
    }
    for name, path in interpreter.libraries.items():
        found[f"python/lib/{name}"] = _binary(path)
    found.update(_standard_library(interpreter))
    for name, text in licences.texts(interpreter).items():
        found[f"python/licenses/{name}"] = Member(text)
    return found


def _standard_library(interpreter: Interpreter) -> dict[str, Member]:
    folder = f"python/{interpreter.library_folder}"
    found: dict[str, Member] = {}
    sources: dict[str, bytes] = {}
    for module in interpreter.modules:
        path = interpreter.standard_library / module
        if module.suffix == ".py":
            sources[f"{folder}/{module}"] = path.read_bytes()
        else:
            found[f"{folder}/{module}"] = _binary(path)
    for name, pyc in bytecode.compiled(sources, interpreter.compiler).items():
        found[name] = Member(pyc)
    return found


def _binary(path: Path, mode: int = PLAIN) -> Member:
    return Member(elf.without_sections(path.read_bytes()), mode)

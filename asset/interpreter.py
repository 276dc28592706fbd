"""Turns the files of an interpreter into members of the zip: compiled, without debug data, with their licences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from asset import bytecode, elf, launch
from asset.pack import PLAIN, PROGRAM, Member
from asset.sources import Interpreter
from asset.sources.host import running_program


def members(interpreter: Interpreter) -> dict[str, Member]:
    """Everything below `python/` in the zip."""
    found = _program(interpreter)
    for name, path in interpreter.libraries.items():
        found[_library_name(interpreter, name)] = _binary(path)
    found.update(_standard_library(interpreter))
    for name, text in interpreter.licences().items():
        found[f"python/licenses/{name}"] = Member(text)
    return found


def optional_libraries(interpreter: Interpreter, others: Mapping[str, Member]) -> dict[str, Member]:
    """The optional libraries that ELF files among the other members need."""
    needed = set(_needed(member.data for member in others.values()))
    return {
        _library_name(interpreter, name): _binary(path) for name, path in interpreter.optional.items() if name in needed
    }


def _needed(contents: Iterable[bytes]) -> Iterable[str]:
    for content in contents:
        if elf.is_elf(content):
            try:
                yield from elf.parse(content).needed
            except elf.ElfError:
                continue  # the audit says it better


def _program(interpreter: Interpreter) -> dict[str, Member]:
    path = f"python/bin/{interpreter.name}"
    program = _binary(interpreter.program, PROGRAM)
    if interpreter.loader is None:
        return {path: program}
    return {
        path: Member(launch.wrapper(interpreter, interpreter.loader.name), PROGRAM),
        f"{path}.bin": program,
        _library_name(interpreter, interpreter.loader.name): _binary(interpreter.loader, PROGRAM),
    }


def _library_name(interpreter: Interpreter, soname: str) -> str:
    return f"python/{interpreter.libraries_folder}/{soname}"


def _standard_library(interpreter: Interpreter) -> dict[str, Member]:
    folder = f"python/{interpreter.library_folder}"
    found: dict[str, Member] = {}
    sources = {f"{folder}/{name}": text.encode() for name, text in interpreter.generated.items()}
    for name, path in interpreter.modules.items():
        if path.suffix == ".py":
            sources[f"{folder}/{name}"] = path.read_bytes()
        else:
            found[f"{folder}/{name}"] = _binary(path)
    for name, pyc in bytecode.compiled(sources, running_program(), docstrings=False).items():
        found[name] = Member(pyc)
    return found


def _binary(path: Path, mode: int = PLAIN) -> Member:
    return Member(elf.without_sections(path.read_bytes()), mode)

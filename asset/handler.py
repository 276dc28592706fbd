"""Reads the user's handler from its source files: what its name means, and whether it is there. Imports nothing."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from asset.bytecode import syntax_finding
from asset.pack import Member
from rules.finding import Finding, UserError

PACKAGE = "handlers"


@dataclass(frozen=True)
class HandlerName:
    """A handler as both clouds name it: `handlers.hello.handler`."""

    module: str
    function: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}"


def parse_name(text: str) -> HandlerName:
    """Split `package.module.function`; raises UserError for anything else."""
    parts = text.split(".")
    wrong = any(not part.isidentifier() or keyword.iskeyword(part) for part in parts)
    if wrong or len(parts) < 3 or parts[0] != PACKAGE:
        raise UserError(
            [
                Finding(
                    rule="HANDLER-NAME",
                    component="handler",
                    field="name",
                    value=text,
                    accepts=f"'{PACKAGE}.<module>.<function>'",
                    remedy=f"write it like '{PACKAGE}.hello.handler' for the function `handler` in {PACKAGE}/hello.py",
                )
            ]
        )
    return HandlerName(".".join(parts[:-1]), parts[-1])


def check(name: HandlerName, files: Mapping[str, Member]) -> None:
    """Raise UserError when `files` (name in the zip -> source) lack the handler's module or its function."""
    path = module_path(name.module, files)
    if path is None:
        raise UserError([_no_module(name)])
    if name.function not in _Definitions(syntax_tree(path, files[path].data)):
        raise UserError([_no_function(name, path)])


def module_path(module: str, files: Mapping[str, Member]) -> str | None:
    """The source file of a module, a package before a plain module, as the import system looks for them."""
    stem = module.replace(".", "/")
    return next((path for path in (f"{stem}/__init__.py", f"{stem}.py") if path in files), None)


def syntax_tree(path: str, source: bytes) -> ast.Module:
    """Parse one source file; raises UserError for one that does not parse."""
    try:
        return ast.parse(source, path)
    except SyntaxError as error:
        raise UserError([syntax_finding(path, error.msg, error.lineno or 0)]) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError([syntax_finding(path, str(error) or "nested too deeply", 0)]) from error


def with_imports(name: HandlerName, files: Mapping[str, Member]) -> dict[str, Member]:
    """The handler's module, the packages around it, and all modules of `handlers` that these import, directly or not.

    One that does not parse imports nothing here: what compiles it says so.
    """
    found: dict[str, Member] = {}
    waiting = [name.module]
    while waiting:
        module = waiting.pop()
        waiting.extend(_parents(module))
        path = module_path(module, files)
        if path is None or path in found:
            continue
        found[path] = files[path]
        with suppress(UserError):
            waiting.extend(imported for imported in _imports(path, files[path].data) if _is_in(PACKAGE, imported))
    return found


def edge_findings(files: Mapping[str, Member]) -> list[Finding]:
    """What keeps these modules from running at the edge: they import `runtime`, which a managed Python has not.

    Raises UserError for one that does not parse.
    """
    return [
        _runtime_at_edge(path)
        for path, member in files.items()
        if any(_is_in("runtime", imported) for imported in _imports(path, member.data))
    ]


def without_edge(files: Mapping[str, Member], names: Iterable[HandlerName], edge: HandlerName) -> dict[str, Member]:
    """`files` less the edge handler's own module, so that a change of it leaves the function's zip as it is.

    It stays when one of the function's handlers imports it.
    """
    left_out = {module_path(edge.module, files)}.difference(*(with_imports(name, files) for name in names))
    return {path: member for path, member in files.items() if path not in left_out}


def _is_in(package: str, module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == package


def _parents(module: str) -> list[str]:
    return [module.rpartition(".")[0]] if "." in module else []


def _imports(path: str, source: bytes) -> Iterator[str]:
    """Absolute names of all that a file imports; for `from a import b` both `a` and `a.b`."""
    package = path.rpartition("/")[0].replace("/", ".")
    for node in ast.walk(syntax_tree(path, source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(package: str, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = package.split(".")
    anchor = parts[: len(parts) - node.level + 1]
    return ".".join([*anchor, *([node.module] if node.module else [])])


class _Definitions(ast.NodeVisitor):
    """The names that a module defines at its top level, inside `if`, `try` and `with` too."""

    def __init__(self, tree: ast.Module) -> None:
        self.names: set[str] = set()
        self.visit(tree)

    def __contains__(self, name: str) -> bool:
        return name in self.names or "*" in self.names or "__getattr__" in self.names

    def _visit_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.names.add(node.name)  # what stands inside it is no name of the module

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _visit_definition  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Its body names nothing of the module."""

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.names.add(node.id)

    def visit_alias(self, node: ast.alias) -> None:
        self.names.add(node.asname or node.name.split(".")[0])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.generic_visit(node)


def _no_module(name: HandlerName) -> Finding:
    stem = name.module.replace(".", "/")
    return Finding(
        rule="HANDLER-MODULE",
        component=f"handler '{name}'",
        field="module",
        value=name.module,
        accepts="a module below handlers/",
        remedy=f"create {stem}.py or correct the handler's name",
    )


def _no_function(name: HandlerName, path: str) -> Finding:
    return Finding(
        rule="HANDLER-FUNCTION",
        component=f"handler '{name}'",
        field="function",
        value=name.function,
        accepts=f"a name that {path} defines or imports at its top level",
        remedy=f"define `def {name.function}(event, context)` in {path} or correct the handler's name",
    )


def _runtime_at_edge(path: str) -> Finding:
    return Finding(
        rule="HANDLER-EDGE",
        component=path,
        field="import",
        value="runtime",
        accepts="a module of the standard library, of boto3 or of handlers/",
        remedy="do without `runtime` here: Lambda@Edge runs this file on a managed Python, without our runtime",
        source="CloudFront Developer Guide, Restrictions on Lambda@Edge",
    )

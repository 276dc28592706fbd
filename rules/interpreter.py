"""What the builder of the zip accepts of where the interpreter comes from."""

from __future__ import annotations

from rules.lambda_ import ARCHITECTURES
from rules.rule import Rule, listed, one_of

SOURCES = ("host", "wheel", "deb", "archive", "none")

TABLE = (
    Rule(
        id="INTERPRETER-SOURCE",
        facts=("interpreter",),
        holds=one_of(SOURCES),
        accepts=listed(SOURCES),
        remedy="choose one of these; docs/interpreters.md says which to take when",
    ),
    Rule(
        id="INTERPRETER-ARCHITECTURE",
        facts=("architecture",),
        holds=one_of(("", *ARCHITECTURES)),
        accepts=f"{listed(ARCHITECTURES)}, or empty for the building machine's",
        remedy="choose one of these",
    ),
    Rule(
        id="INTERPRETER-BOOTSTRAP",
        facts=("bootstrap_path", "interpreter"),
        holds=lambda path, interpreter: bool(path) == (interpreter == "none"),
        accepts="a path with interpreter none, and empty with every other",
        remedy="name what your build makes, such as target/lambda/hello, or choose another interpreter",
    ),
)

"""The one exception of the tools."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818  (what a user reads is no "error" of the program)
    """Something that the user can put right: one sentence that says what is wrong and what to do.

    Printed without a traceback; `code` becomes the exit code.
    """

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code

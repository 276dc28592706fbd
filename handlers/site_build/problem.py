"""The one exception that a build ends with."""

from __future__ import annotations

import errno

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is too big",
}


class SiteBuildError(Exception):
    """One sentence: what, which value, what is accepted, what to do."""

    def __init__(self, sentence: str, *, worth_retry: bool = False) -> None:
        self.worth_retry = worth_retry
        """Whether the same event may succeed later without anybody changing anything."""
        super().__init__(sentence)


def of_disk(error: OSError) -> SiteBuildError:
    """What to say when this machine's own disk refuses."""
    reason = _FULL.get(error.errno or 0, error.strerror or str(error))
    return SiteBuildError(
        f"The working folder cannot be used, because {reason}: give the function a bigger disk (10240 MB), "
        "or let the project and its dependencies take less room."
    )

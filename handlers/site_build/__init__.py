"""The second handler: builds a front-end project out of a bucket with Node.js and publishes it as a site.

On Alibaba Cloud it goes from OSS to OSS behind the CDN, on AWS from S3 to S3 behind CloudFront. What the event and the
report hold, the limits and what is proved of it: docs/site-build.md. Nothing else is imported until an event comes.
"""

from __future__ import annotations

import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime import Context

_busy = _thread.allocate_lock()


def handler(event: Any, context: Context) -> dict[str, Any]:
    """An order or an OSS trigger event → the report of the build as a JSON object.

    Raises SiteBuildError with one sentence for whatever keeps the site from being published. While one event is
    worked on, a second is refused: with a concurrency of 1 no cloud sends one, but a hostile build could.
    """
    from handlers.site_build.job import run
    from handlers.site_build.problem import SiteBuildError

    if not _busy.acquire(blocking=False):
        raise SiteBuildError("A build is running in this instance; give the function a concurrency of 1.")
    try:
        failed = None
        try:
            return run(event, context)
        except SiteBuildError as error:
            failed = error
        # Raised from here, without the frames that led to it: the sentence tells all that a user can use.
        raise failed.with_traceback(None) from None
    finally:
        _busy.release()

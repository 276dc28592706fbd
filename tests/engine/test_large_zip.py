"""A zip that Lambda does not take directly: through a versioned bucket of its own, on the real engine.

Does not prove: how long a cloud takes for such an upload, nor its cold start.
"""

from __future__ import annotations

import hashlib
import json
import random

import pytest

from tests.engine.test_first_light import changes, post

pytestmark = pytest.mark.engine

SIZE = 45 << 20
"""Of data that no compressor makes smaller: with the interpreter more than the 50 MB of a direct upload."""
HANDLER = """\
import hashlib
from pathlib import Path


def handler(event, context):
    return hashlib.sha256(Path(__file__).with_name("padding.bin").read_bytes()).hexdigest()
"""


@pytest.fixture(scope="module")
def padding():
    return random.Random(50).randbytes(SIZE)


@pytest.fixture(scope="module")
def deployed(workspace, padding):
    (workspace.root / "handlers/padding.bin").write_bytes(padding)
    (workspace.root / "handlers/hello.py").write_text(HANDLER)
    workspace.make("up")
    return workspace


def test_large_zip_goes_through_the_bucket_and_runs_on_both_clouds(deployed, padding):
    assert (deployed.root / "dist/function.zip").stat().st_size > 50 << 20
    functions = [one.properties for one in deployed.resources("aws:lambda/function:Function")]
    (function,) = [one for one in functions if one.get("s3Bucket")]
    (stored,) = deployed.resources("aws:s3/bucketObjectv2:BucketObjectv2")
    assert function["s3ObjectVersion"] == stored.properties["versionId"]
    for name in ("cloudfront", "fc"):
        answer = json.loads(post(deployed.urls()[name], {}))
        assert answer == hashlib.sha256(padding).hexdigest()


def test_large_zip_again_changes_nothing(deployed):
    assert set(changes(deployed.make("up").stdout)) == {"unchanged"}


def test_changed_line_of_a_large_zip_reaches_the_function(deployed):
    deployed.edit("handlers/hello.py", "hexdigest()", "hexdigest()[:8]")
    up = deployed.make("up").stdout
    assert "aws:s3:BucketObjectv2" in up, up
    assert "aws:lambda:Function" in up, up
    for name in ("cloudfront", "fc"):
        assert len(json.loads(post(deployed.urls()[name], {}))) == 8

"""Loading a handler, in this process. What a wrong name or module answers, the faults of both clouds show."""

from __future__ import annotations

import gc
import sys

import pytest

from runtime.handler import load

THRESHOLDS = (701, 11, 12)


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    """Writes a module of the test's own name that can be imported; its handler's name."""

    def write(source: str) -> str:
        name = request.node.name
        (tmp_path / f"{name}.py").write_text(f"import gc\n{source}\n\ndef handler(event, context):\n    return seen\n")
        return f"{name}.handler"

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("runtime.codec._orjson", None)  # put back afterwards: loading may set it
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    yield write
    gc.set_threshold(*before)
    gc.unfreeze()
    sys.modules.pop(request.node.name, None)


def test_an_import_is_not_held_up_by_collections(module):
    handler = load(module("seen = gc.get_threshold()"))
    assert handler({}, None)[0] > 10_000
    assert gc.get_threshold() == THRESHOLDS


def test_no_collection_looks_at_what_was_imported(module):
    frozen = gc.get_freeze_count()
    load(module("seen = [[] for _ in range(2000)]"))
    assert gc.get_freeze_count() - frozen > 2000


def test_what_a_handler_sets_itself_stands(module):
    load(module("gc.set_threshold(50, 5, 5)\nseen = None"))
    assert gc.get_threshold() == (50, 5, 5)


def test_an_import_that_fails_leaves_the_collector_as_it_was(module):
    with pytest.raises(RuntimeError, match="broken"):
        load(module("raise RuntimeError('broken')"))
    assert gc.get_threshold() == THRESHOLDS

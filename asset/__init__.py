"""The deployment zips: one for the function on both clouds, one for the edge function."""

from __future__ import annotations

from asset.build import Package, build_edge, build_function
from asset.plan import Plan
from asset.targets import DEPLOYED

__all__ = ["DEPLOYED", "Package", "Plan", "build_edge", "build_function"]

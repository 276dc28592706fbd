"""Prints the table of all rules."""

from __future__ import annotations

import sys

from rules.catalogue import page

sys.stdout.write(page())

"""`python -m tools COMMAND`: what the Makefile calls. Needs nothing but the standard library."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from tools.commands import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may know fewer letters than we
            stream.reconfigure(errors="replace", line_buffering=True)
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parents[1]))

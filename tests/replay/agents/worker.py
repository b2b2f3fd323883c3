"""Runs commands of `everyspan`, one JSON array a line, and prints what became of each.

Starting a process and importing an agent takes longer than most replays.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout

from everyspan.__main__ import main

# Agents call init() as their modules are imported, several in this process.
warnings.filterwarnings("ignore", message="everyspan.init was called before")

for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(json.loads(line))
        except SystemExit as left:
            status = int(left.code or 0)
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)

"""Libraries that only some commands need: extras of the distribution."""

from __future__ import annotations

from importlib.util import find_spec

from cli.console import fail

#: Extra to the library that it brings.
LIBRARIES = {"report": "plotly", "datasets": "scipy"}


def need(extra: str, command: str) -> None:
    """Ends the command with what to install where the extra's library is not there."""
    if find_spec(LIBRARIES[extra]) is None:
        fail(f"{command} needs {LIBRARIES[extra]}; run pip install 'everyspan-server[{extra}]'")

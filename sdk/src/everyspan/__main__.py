"""`everyspan` in the agent's environment: `python -m everyspan replay …`.

Where the server is installed too, its command has everything, these two included.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

_USAGE = """usage: everyspan {replay,diff} …

  replay TRACE_ID --from-step K   run the agent again from a step of a recorded trace
  diff A B                        compare two traces step by step

The other commands come with the server: pip install everyspan-server
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["replay"], ["diff"]):
        from everyspan.replay.command import diff, replay

        return (replay if given[0] == "replay" else diff)(given[1:])
    server = next(
        (
            point
            for point in entry_points(group="console_scripts", name="everyspan")
            if point.dist is not None and point.dist.name == "everyspan-server"
        ),
        None,
    )
    if server is not None:
        sys.argv[1:] = given
        server.load()()
        return 0
    asked = given[:1] in (["-h"], ["--help"])
    if given and not asked:
        print(f"everyspan: {given[0]!r} is no command here", file=sys.stderr)
    print(_USAGE, end="", file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())

"""The command `everyspan`, which belongs to the SDK: `replay` and `diff` run where the agent does.

All others come with the server. It declares them in the group `everyspan.commands` of entry points,
and nothing of it is loaded before one of them is asked for: its packages have names, such as `cli`
and `demo`, that an agent may have too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from importlib.util import find_spec

#: A function of the arguments, the command first, that ends the process or returns.
GROUP = "everyspan.commands"
SERVER = "server"
_INSTALL = "uv tool install 'everyspan-sdk[server]'"
_USAGE = f"""usage: everyspan {{replay,diff}} …

  replay TRACE_ID --from-step K   run the agent again from a step of a recorded trace
  diff A B                        compare two traces step by step

All other commands come with the server, in an environment of its own: {_INSTALL}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    first = given[0] if given else ""
    if first in ("replay", "diff"):
        from everyspan.replay.command import diff, replay

        return (replay if first == "replay" else diff)(given[1:])
    server = next(iter(entry_points(group=GROUP, name=SERVER)), None)
    if server is not None:
        return _served(server, given)
    if first == "--version":
        print(f"everyspan-sdk {version('everyspan-sdk')}")
        return 0
    if first in ("-h", "--help"):
        print(_USAGE, end="")
        return 0
    if first:
        print(
            f"everyspan: {first!r} is none of replay and diff; all other commands come with the "
            f"server, in an environment of its own: {_INSTALL}",
            file=sys.stderr,
        )
    else:
        print(_USAGE, end="", file=sys.stderr)
    return 2


def _served(server: EntryPoint, given: list[str]) -> int:
    own = server.module.partition(".")[0]
    if other := _hidden_by(server, own):
        print(
            f"everyspan: {other} hides the server's package {own!r}: go to another folder or leave "
            "it out of PYTHONPATH, and install the server in an environment of its own",
            file=sys.stderr,
        )
        return 2
    server.load()(given)
    return 0


def _hidden_by(server: EntryPoint, own: str) -> str:
    """Where another package of that name comes first; '' where none does. Of an installation that
    is a link to the source nobody knows."""
    installed = os.path.realpath(str(server.dist.locate_file(own))) if server.dist else ""
    spec = find_spec(own)
    places = list(spec.submodule_search_locations or [spec.origin or ""]) if spec else []
    if not os.path.isdir(installed) or installed in map(os.path.realpath, places):
        return ""
    return places[0] if places else ""


if __name__ == "__main__":
    sys.exit(main())

"""What the SDK tells the person who runs the program: short lines, each once.

They go to the logger `everyspan`. Where the program has set up no logging, they are printed on
stderr, as Python would drop those of level INFO. `init(quiet=True)`, EVERYSPAN_QUIET or the level
of that logger turn them off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from everyspan import _libraries
from everyspan._instrumentation import TurnedOn
from everyspan._libraries import LIBRARIES, Library

logger = logging.getLogger("everyspan")


class _Voice:
    quiet = False


_voice = _Voice()


def set_quiet(quiet: bool | None, environ: Mapping[str, str] = os.environ) -> None:
    """None: as EVERYSPAN_QUIET says; empty, 0, false and no are not quiet."""
    if quiet is None:
        given = environ.get("EVERYSPAN_QUIET", "").strip().lower()
        quiet = given not in ("", "0", "false", "no")
    _voice.quiet = quiet


def say(text: str, level: int = logging.WARNING) -> None:
    """One line. Never raises: stderr may be closed."""
    if _voice.quiet:
        return
    if logger.hasHandlers():
        logger.log(level, text)
    elif level >= logger.level:  # 0 where nobody set it
        with contextlib.suppress(AttributeError, OSError, ValueError):
            print(f"everyspan: {text}", file=sys.stderr, flush=True)


def opening(
    service: str, endpoint: str, wanted: bool | Sequence[str], found: TurnedOn
) -> list[tuple[int, str]]:
    """What `init` says, as level and text: where the spans go, what is recorded, what is not."""
    itself = _tracing_themselves(found) if wanted is not False else []
    recorded = [f"{library} ({by})" for library, by in sorted(found.on.items())]
    recorded += [f"{library.name} (traces itself)" for library, told in itself if not told]
    if wanted is False:
        recorded = ["what the program does itself (instrument=False)"]
    calls = ", ".join(recorded) or "no library's calls"
    lines = [(logging.INFO, f"spans of {service!r} go to {endpoint}; recorded: {calls}")]
    if wanted is False:
        return lines
    lines += [
        (
            logging.WARNING,
            f"{library.name} is installed and traces itself once the program calls {told}",
        )
        for library, told in itself
        if told
    ]
    lines += [
        (logging.WARNING, f"the calls of {library} are not recorded: {reason}")
        for library, reason in sorted(found.refused.items())
    ]
    if wanted is True:
        lines += [(logging.WARNING, text) for text in _missing(found)]
    return lines


def _tracing_themselves(found: TurnedOn) -> list[tuple[Library, str]]:
    """Libraries whose own spans are on, with what the program has to say first."""
    return [
        (library, itself.told)
        for library in LIBRARIES
        if library.name not in found.on
        and (itself := _libraries.traces_itself(library)) is not None
        and not _libraries.switched_off(itself)
    ]


def _missing(found: TurnedOn) -> list[str]:
    """The pip line of what is installed without its instrumentation.

    A framework's spans cover the model calls made through it. An instrumentation of the model's
    own client beside it is only of use where the program calls that itself.
    """
    itself = {library.name for library, _ in _tracing_themselves(found)}
    lacking = [
        library
        for library in LIBRARIES
        if library.extra
        and library.name not in {*found.on, *found.refused, *itself}
        and _libraries.is_installed(library)
    ]
    frameworks = [
        library.name
        for library in LIBRARIES
        if library.models and (library.name in found.on or _libraries.is_installed(library))
    ]
    first = [library for library in lacking if library.models or not frameworks]
    second = [library for library in lacking if library not in first]
    lines = []
    if first:
        lines.append(
            f"calls of {_names(first)} are not recorded, as the instrumentation is not installed: "
            f"{pip_line(first)}"
        )
    if second:
        lines.append(
            f"calls of {_names(second)} that the program makes itself, not through "
            f"{' or '.join(frameworks)}, are not recorded; only if it makes such: "
            f"{pip_line(second)}"
        )
    return lines


def _names(libraries: Sequence[Library]) -> str:
    return ", ".join(library.name for library in libraries)


def pip_line(libraries: Sequence[Library]) -> str:
    return f"pip install 'everyspan-sdk[{','.join(library.extra for library in libraries)}]'"


#: At exit, of a process in which `init` found nothing to turn on.
NOTHING_RECORDED = (
    "no span was recorded by this process: no instrumentation is turned on and no function is "
    "decorated with @everyspan.step"
)

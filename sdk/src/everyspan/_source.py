"""The span processor that says where in the user's code a span was started.

`code.*` are the stable names of open-telemetry/semantic-conventions (registry, code).
"""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
from pathlib import Path
from types import FrameType

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from everyspan import _context, _experiment

logger = logging.getLogger("everyspan")

FILE = "code.file.path"
LINE = "code.line.number"
FUNCTION = "code.function.name"

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STANDARD_LIBRARY = tuple(
    os.path.realpath(path) + os.sep
    for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    if path
)
#: Commands of the environment (`everyspan` itself runs a replay), and all of one that is virtual.
_ENVIRONMENT = tuple(
    os.path.realpath(path) + os.sep
    for path in {
        sysconfig.get_path("scripts"),
        sys.prefix if sys.prefix != sys.base_prefix else "",
    }
    if path
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_TRACING_MODULES = ("opentelemetry.", "openinference.", "everyspan.")


class Sources:
    """Which files are the user's, and their names relative to the checkout or folder."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root) + os.sep
        self._names: dict[str, str | None] = {}  # co_filename to name, None for a library

    def name(self, filename: str) -> str:
        """`filename` relative to the root when it lies below, else absolute."""
        if filename.startswith("<"):  # <stdin>, <string>, a notebook's cell
            return filename
        path = os.path.realpath(filename)
        if path.startswith(self._root):
            return path[len(self._root) :].replace(os.sep, "/")
        return path

    def caller(self, frame: FrameType | None) -> tuple[str, int, str] | None:
        """`(file, line, function)` of the first frame outside libraries, from `frame` outwards."""
        names = self._names
        while frame is not None:
            code = frame.f_code
            filename = code.co_filename
            if filename in names:
                name = names[filename]
            else:
                name = names[filename] = self._classify(filename, frame)
            if name is not None:
                return name, frame.f_lineno, _function_name(frame)
            frame = frame.f_back
        return None

    def _classify(self, filename: str, frame: FrameType) -> str | None:
        module = str(frame.f_globals.get("__name__", ""))
        if filename.startswith("<frozen") or f"{module}.".startswith(_TRACING_MODULES):
            return None
        return None if is_library(os.path.realpath(filename)) else self.name(filename)


def is_library(path: str) -> bool:
    """Whether a real path is of the standard library, of the environment or of this package."""
    libraries = (_PACKAGE, *_STANDARD_LIBRARY, *_ENVIRONMENT)
    return path.startswith(libraries) or any(n in path for n in _INSTALLED)


if sys.version_info >= (3, 11):

    def _function_name(frame: FrameType) -> str:
        return f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"

else:  # 3.10 has no qualified name on code objects

    def _function_name(frame: FrameType) -> str:
        return f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}"


_INHERITED = (FILE, LINE, FUNCTION)


class SourceProcessor(SpanProcessor):
    """Adds the caller's source and the `everyspan.context()` attributes to every new span.

    An attribute that the span already has is left as it is. A span that a library starts on a
    thread of its own, with no user code on the stack, gets its parent's location.
    """

    def __init__(self, sources: Sources, extra: dict[str, str] | None = None) -> None:
        self._sources = sources
        self._extra = extra or {}  # for a provider whose resource is already made

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            added = self._attributes(span, parent_context)
            if added:
                span.set_attributes(added)
            for exposure in _experiment.exposures(parent_context):
                span.add_event(_experiment.EVENT, exposure)
        except Exception:  # telemetry must never break the application
            logger.debug("everyspan: no source for span %r", span.name, exc_info=True)

    def _attributes(self, span: Span, parent_context: Context | None) -> dict[str, str | int]:
        present = span.attributes or {}
        added: dict[str, str | int] = dict(self._extra)
        parent = None
        if FILE not in present:
            place = self._sources.caller(sys._getframe(2))
            if place is not None:
                added[FILE], added[LINE], added[FUNCTION] = place
            elif parent := _parent_attributes(parent_context):
                added.update((name, parent[name]) for name in _INHERITED if name in parent)
        context = _context.current(parent_context)
        if context is None and parent_context is not None:
            # A framework that keeps its own parent may start from an empty context.
            context = _context.current() or {}
            parent = parent or _parent_attributes(parent_context)
            context = {
                **{k: str(parent[k]) for k in _context.ALL_NAMES if k in parent},
                **context,
            }
        if context:
            added.update(context)
        if present:
            for name in present:
                added.pop(name, None)
        return added

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing: all that is added is known at the start."""

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


def _parent_attributes(parent_context: Context | None) -> dict[str, str | int]:
    parent = trace.get_current_span(parent_context)
    return getattr(parent, "attributes", None) or {}

"""Turning on the GenAI instrumentations that are installed, one a library.

They announce themselves in the entry point group `opentelemetry_instrumentor`, whoever made
them. HTTP clients and databases announce themselves there too and are left alone.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    entry_points,
    version,
)

from everyspan._libraries import LIBRARIES, find, normal, switched_off, traces_itself

logger = logging.getLogger("everyspan")

GROUP = "opentelemetry_instrumentor"

#: Two instrumentations of one library would report every call twice. The first of these runs:
#: the official one speaks the current convention itself, OpenInference covers the most fields.
PREFERENCE = ("official", "openinference", "traceloop", "other")

_CONTENT_ON = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
_CONTENT_OFF = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
    "TRACELOOP_TRACE_CONTENT": "false",
    "OPENINFERENCE_HIDE_INPUTS": "true",
    "OPENINFERENCE_HIDE_OUTPUTS": "true",
    # Libraries that trace themselves. Mistral's spans can't leave it out.
    "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "metadata_only",
    "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS": "false",
    "HAYSTACK_CONTENT_TRACING_ENABLED": "false",
    "MISTRAL_SDK_TELEMETRY": "false",
}
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
_OPT_IN_GENAI = "gen_ai_latest_experimental"


def set_content_variables(
    capture_content: bool, environ: MutableMapping[str, str] = os.environ
) -> None:
    """Sets what the instrumentations read when they start.

    With content, a variable that is set already stays. Without, content is off whatever was set:
    who says capture_content=False must be able to rely on it.
    """
    opted = [part.strip() for part in environ.get(_OPT_IN, "").split(",") if part.strip()]
    if not any(part.startswith("gen_ai") for part in opted):
        environ[_OPT_IN] = ",".join([*opted, _OPT_IN_GENAI])
    if capture_content:
        for name, value in _CONTENT_ON.items():
            environ.setdefault(name, value)
    else:
        environ.update(_CONTENT_OFF)


@dataclass
class TurnedOn:
    """What `turn_on` found.

    on       library to the distribution of the instrumentation that now records it.
    refused  library that is there in a version its instrumentations don't take, to the reason.
    """

    on: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def turn_on(
    wanted: bool | Sequence[str], environ: MutableMapping[str, str] = os.environ
) -> TurnedOn:
    """Turns on what is installed.

    `wanted`: True for every GenAI library, or names of entry points or libraries (then also of
    others than GenAI). One that does not work is a RuntimeWarning, never an exception. A library
    that traces itself has one voice: an instrumentation that records more takes the place of its
    own spans, any other is left off, unless it was named.
    """
    found = TurnedOn()
    if wanted is False:
        return found
    installed = list(entry_points(group=GROUP))
    for library, candidates in _by_library(installed, wanted).items():
        known = find(library)
        itself = traces_itself(known) if known is not None else None
        if itself is not None and wanted is True and not switched_off(itself, environ):
            candidates = [one for one in candidates if family(one) in itself.gives_way_to]
        for candidate in sorted(candidates, key=_rank):
            if _start(candidate, library, found.refused):
                found.on[library] = _distribution(candidate)
                found.refused.pop(library, None)
                break
    for each in LIBRARIES:
        itself = traces_itself(each)
        if itself is not None:
            for name, value in (itself.off if each.name in found.on else itself.on).items():
                environ.setdefault(name, value)
    if wanted is not True:
        _warn_of_unknown(wanted, installed)
    return found


def _warn_of_unknown(wanted: Sequence[str], installed: Sequence[EntryPoint]) -> None:
    names = {normal(e.name) for e in installed} | {_library(e.name) or "" for e in installed}
    for name in wanted:
        library = find(name)
        if normal(name) in names or (library is not None and library.name in names):
            continue
        remedy = (
            f"pip install 'everyspan-sdk[{library.extra}]'"
            if library is not None and library.extra
            else f"installed: {', '.join(sorted(e.name for e in installed)) or '-'}"
        )
        warnings.warn(
            f"everyspan.init: instrument={name!r}: no installed instrumentation has "
            f"this name; {remedy}",
            RuntimeWarning,
            stacklevel=5,
        )


def _rank(entry: EntryPoint) -> tuple[int, bool]:
    """Among official ones, opentelemetry-instrumentation-genai-* has replaced *-v2."""
    name = entry.dist.name if entry.dist is not None else ""
    return PREFERENCE.index(family(entry)), name.endswith("v2")


def family(entry: EntryPoint) -> str:
    """Who made an instrumentation, told by what its distribution depends on."""
    distribution: Distribution | None = entry.dist
    name = normal(distribution.name) if distribution is not None else ""
    if name.startswith("openinference"):
        return "openinference"
    requires = {_required(requirement) for requirement in _requires(entry)}
    if "opentelemetry_semantic_conventions_ai" in requires:
        return "traceloop"
    if "opentelemetry_util_genai" in requires or name.endswith("_v2"):
        return "official"
    return "other"


def _by_library(
    installed: Iterable[EntryPoint], wanted: bool | Sequence[str]
) -> dict[str, list[EntryPoint]]:
    names = None if isinstance(wanted, bool) else {normal(name) for name in wanted}
    found: dict[str, list[EntryPoint]] = {}
    for entry in installed:
        library = _library(entry.name)
        if names is None:
            if library is not None:
                found.setdefault(library, []).append(entry)
        elif normal(entry.name) in names or library in names:
            found.setdefault(library or normal(entry.name), []).append(entry)
    return found


def _library(name: str) -> str | None:
    library = find(name)
    return library.name if library is not None else None


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _requires(entry: EntryPoint) -> list[str]:
    return (entry.dist.requires or []) if entry.dist is not None else []


def _required(requirement: str) -> str:
    return normal(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


def _library_is_missing(entry: EntryPoint) -> bool:
    """Whether what the extra `instruments` (or `instruments-any`) names is not installed."""
    named = [_required(r) for r in _requires(entry) if re.search(r"extra\s*==\s*.instruments", r)]
    for name in named:
        try:
            version(name)
        except PackageNotFoundError:
            continue
        return False
    return bool(named)


def _start(entry: EntryPoint, library: str, refused: dict[str, str]) -> bool:
    """True when the library is instrumented now; a version that is not taken goes to `refused`."""
    if _library_is_missing(entry):
        logger.debug("everyspan: %s left off: its library is not installed", entry.name)
        return False
    try:
        instrumentor = entry.load()()
        if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            return True
        instrumentor.instrument(raise_exception_on_conflict=True)
    except Exception as error:
        if type(error).__name__ == "DependencyConflictError":
            # The library is there in a version that this one does not know.
            logger.debug("everyspan: %s left off: %s", entry.name, error)
            refused.setdefault(library, f"{_distribution(entry)}: {error}")
            return False
        warnings.warn(
            f"everyspan.init: the instrumentation {_distribution(entry)!r} does not work and is "
            f"left off: {type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=5,
        )
        return False
    return True

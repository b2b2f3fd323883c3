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
from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    entry_points,
    version,
)

logger = logging.getLogger("everyspan")

GROUP = "opentelemetry_instrumentor"

#: GenAI libraries, and the names their instrumentations go by (after `_normal`).
LIBRARIES: dict[str, frozenset[str]] = {
    library: frozenset({library, *also})
    for library, also in {
        "openai": ("openai_v2",),
        "openai_agents": ("openai_agents_v2",),
        "anthropic": (),
        "claude_agent_sdk": (),
        "google_genai": ("google_generativeai",),
        "google_adk": (),
        "vertexai": ("google_cloud_aiplatform",),
        "bedrock": (),
        "sagemaker": (),
        "cohere": (),
        "mistralai": ("mistral",),
        "groq": (),
        "ollama": (),
        "together": (),
        "replicate": (),
        "watsonx": (),
        "writer": ("writer_sdk",),
        "alephalpha": (),
        "voyageai": (),
        "transformers": (),
        "litellm": (),
        "portkey": (),
        "langchain": (),
        "langgraph": (),
        "llama_index": ("llamaindex",),
        "haystack": (),
        "dspy": (),
        "crewai": (),
        "autogen": (),
        "autogen_agentchat": (),
        "agno": (),
        "smolagents": (),
        "beeai": (),
        "strands": ("strands_agents",),
        "pydantic_ai": (),
        "instructor": (),
        "guardrails": (),
        "promptflow": (),
        "pipecat": (),
        "agentspec": (),
        "agentscope": (),
        "qwen_agent": (),
        "qwenpaw": (),
        "mcp": (),
    }.items()
}

#: Two instrumentations of one library would report every call twice. The first of these runs:
#: the official one speaks the current convention itself, OpenInference covers the most fields.
PREFERENCE = ("official", "openinference", "traceloop", "other")

_CONTENT_ON = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
_CONTENT_OFF = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
    "TRACELOOP_TRACE_CONTENT": "false",
    "OPENINFERENCE_HIDE_INPUTS": "true",
    "OPENINFERENCE_HIDE_OUTPUTS": "true",
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


def turn_on(wanted: bool | Sequence[str]) -> list[str]:
    """Turns on what is installed; returns the names of the libraries now instrumented.

    `wanted`: True for every GenAI library, or names of entry points or libraries (then also of
    others than GenAI). One that does not work is a RuntimeWarning, never an exception.
    """
    if wanted is False:
        return []
    installed = list(entry_points(group=GROUP))
    on: list[str] = []
    for library, candidates in _by_library(installed, wanted).items():
        for candidate in sorted(candidates, key=_rank):
            if _start(candidate):
                on.append(library)
                break
    if wanted is not True:
        known = {_normal(e.name) for e in installed} | {_library(e.name) or "" for e in installed}
        for name in wanted:
            if _normal(name) not in known and _library(name) not in known:
                warnings.warn(
                    f"everyspan.init: instrument={name!r}: no installed instrumentation has "
                    f"this name; installed: {', '.join(sorted(e.name for e in installed)) or '-'}",
                    RuntimeWarning,
                    stacklevel=4,
                )
    return on


def _rank(entry: EntryPoint) -> tuple[int, bool]:
    """Among official ones, opentelemetry-instrumentation-genai-* has replaced *-v2."""
    name = entry.dist.name if entry.dist is not None else ""
    return PREFERENCE.index(family(entry)), name.endswith("v2")


def family(entry: EntryPoint) -> str:
    """Who made an instrumentation, told by what its distribution depends on."""
    distribution: Distribution | None = entry.dist
    name = _normal(distribution.name) if distribution is not None else ""
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
    names = None if isinstance(wanted, bool) else {_normal(name) for name in wanted}
    found: dict[str, list[EntryPoint]] = {}
    for entry in installed:
        library = _library(entry.name)
        if names is None:
            if library is not None:
                found.setdefault(library, []).append(entry)
        elif _normal(entry.name) in names or library in names:
            found.setdefault(library or _normal(entry.name), []).append(entry)
    return found


def _library(name: str) -> str | None:
    normal = _normal(name)
    return next((library for library, names in LIBRARIES.items() if normal in names), None)


def _normal(name: str) -> str:
    return re.sub(r"[-.\s]+", "_", name.strip().lower())


def _requires(entry: EntryPoint) -> list[str]:
    return (entry.dist.requires or []) if entry.dist is not None else []


def _required(requirement: str) -> str:
    return _normal(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


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


def _start(entry: EntryPoint) -> bool:
    """True when the library is instrumented now."""
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
            return False
        distribution = entry.dist.name if entry.dist is not None else entry.value
        warnings.warn(
            f"everyspan.init: the instrumentation {distribution!r} does not work and is left off: "
            f"{type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=5,
        )
        return False
    return True

"""All conventions, compiled so that a span's attributes are looked at once.

``rules_of`` gives what an attribute means, whichever convention says so; it is learned on first
sight and then one dict lookup.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.conventions import (
    genai,
    genai_legacy,
    genkit,
    google_adk,
    langfuse,
    langsmith,
    litellm,
    mlflow,
    openinference,
    pydantic_ai,
    shared,
    traceloop,
    vercel_ai,
)
from ingest.conventions.convention import Convention

#: Most specific first: this order gives a span its ``convention`` and its ``step_kind``.
CONVENTIONS: tuple[Convention, ...] = (
    shared.CONVENTION,
    langfuse.CONVENTION,
    mlflow.CONVENTION,
    langsmith.CONVENTION,
    vercel_ai.CONVENTION,
    pydantic_ai.CONVENTION,
    google_adk.CONVENTION,
    genkit.CONVENTION,
    litellm.CONVENTION,
    openinference.CONVENTION,
    traceloop.CONVENTION,
    genai.CONVENTION,
    genai_legacy.CONVENTION,
)

#: For every other column what the application set itself (``session.id``) comes first, then the
#: standard, then the rest in the order above.
COLUMN_ORDER: tuple[Convention, ...] = (
    shared.CONVENTION,
    genai.CONVENTION,
    *(c for c in CONVENTIONS if c is not genai.CONVENTION and c is not shared.CONVENTION),
)

#: First segments of attribute names that are about agents: unknown ones are counted.
_ABOUT_AGENTS = frozenset(
    "gen_ai genai llm ai openinference traceloop langsmith langfuse mlflow pydantic_ai logfire"
    " openai anthropic agent agents tool tools retrieval retriever reranker embedding embeddings"
    " prompt completion guardrail crewai autogen haystack llamaindex llama_index langchain"
    " langgraph strands mcp lk flue dspy smolagents agno mastra semantic_kernel litellm".split()
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What one attribute name means.

    ``mask``: bit i set where it is evidence of CONVENTIONS[i]. ``columns``: (column, rank), the
    lower rank wins. ``kinds``: (rank, value in lower case to step kind). ``unknown``: about agents
    and in nobody's table.
    """

    mask: int
    columns: tuple[tuple[str, int], ...]
    kinds: tuple[tuple[int, dict[str, str]], ...]
    unknown: bool


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
        for pattern in patterns
    )


def _learn(name: str) -> Rules:
    mask = 0
    kinds = []
    for bit, convention in enumerate(CONVENTIONS):
        if _matches(convention.evidence, name):
            mask |= 1 << bit
        if name in convention.kinds:
            kinds.append((bit, dict(convention.kinds[name])))
    columns = []
    for place, convention in enumerate(COLUMN_ORDER):
        for row, (attribute, column) in enumerate(convention.columns):
            if attribute == name:
                columns.append((column, place * 1000 + row))
    unknown = (
        not columns
        and not kinds
        and name.replace(":", ".").partition(".")[0] in _ABOUT_AGENTS
        and ("." in name or ":" in name)
        and not any(_matches(c.understood, name) for c in CONVENTIONS)
        and not name.startswith(("gen_ai.prompt.", "gen_ai.completion."))
    )
    return Rules(mask, tuple(columns), tuple(kinds), unknown)


_KNOWN: dict[str, Rules] = {}
#: Senders may invent names without end (an id in a name); the memory for them has one.
_MAX_KNOWN = 20_000
_LONGEST_KNOWN = 256


def rules_of(name: str) -> Rules:
    """The rules of an attribute name."""
    found = _KNOWN.get(name)
    if found is None:
        found = _learn(name)
        if len(name) > _LONGEST_KNOWN:
            return found
        if len(_KNOWN) >= _MAX_KNOWN:
            _KNOWN.clear()
        _KNOWN[name] = found
    return found


_APPLYING: dict[int, tuple[Convention, ...]] = {}


def applying(mask: int) -> tuple[Convention, ...]:
    """The conventions of a mask, in the order of COLUMN_ORDER."""
    found = _APPLYING.get(mask)
    if found is None:
        found = tuple(c for c in COLUMN_ORDER if mask >> CONVENTIONS.index(c) & 1)
        _APPLYING[mask] = found
    return found


_NAMES: dict[int, str] = {}


def name_of(mask: int) -> str:
    """The most specific convention of a mask, '' for none."""
    found = _NAMES.get(mask)
    if found is None:
        named = (c.name for bit, c in enumerate(CONVENTIONS) if mask >> bit & 1 and c.name)
        found = _NAMES[mask] = next(named, "")
    return found

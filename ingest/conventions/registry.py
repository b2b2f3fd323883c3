"""All conventions, compiled so that a span's attributes are looked at once.

``RULES`` says what an attribute means, whichever convention says so; it is learned on first
sight and then one dict lookup.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.conventions import (
    claude_code,
    genai,
    genai_legacy,
    genkit,
    google_adk,
    hand_written,
    haystack,
    langfuse,
    langsmith,
    litellm,
    livekit,
    mastra,
    mlflow,
    openinference,
    pydantic_ai,
    shared,
    spring_ai,
    traceloop,
    vercel_ai,
)
from ingest.conventions.convention import Content, Convention

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
    mastra.CONVENTION,
    spring_ai.CONVENTION,
    haystack.CONVENTION,
    livekit.CONVENTION,
    claude_code.CONVENTION,
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
    " langgraph strands mcp lk flue dspy smolagents agno mastra semantic_kernel litellm genkit"
    " spring haystack".split()
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What one attribute name means.

    ``mask``: bit i set where it is evidence of CONVENTIONS[i]. ``columns``: (column, rank), the
    lower rank wins. ``kinds``: (rank, value in lower case to step kind). ``unknown``: about agents
    and in nobody's table. ``floor``: what the end of the name says, where nothing else does (a row
    of hand_written.ENDINGS; -1 for none). ``elsewhere``: one of the last two.
    """

    mask: int
    columns: tuple[tuple[str, int], ...]
    kinds: tuple[tuple[int, dict[str, str]], ...]
    unknown: bool
    floor: int
    elsewhere: bool


class _Patterns:
    """Names, those with a trailing ``*`` for a prefix."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.names = frozenset(p for p in patterns if not p.endswith("*"))
        self.prefixes = tuple(p[:-1] for p in patterns if p.endswith("*"))

    def match(self, name: str) -> bool:
        return name in self.names or name.startswith(self.prefixes)


_EVIDENCE = tuple(_Patterns(convention.evidence) for convention in CONVENTIONS)
_UNDERSTOOD = _Patterns(
    tuple(pattern for convention in CONVENTIONS for pattern in convention.understood)
)
#: Named in full: nothing in them that a column should have.
_EXACTLY = _Patterns(tuple(name for name in _UNDERSTOOD.names))
_COLUMNS: dict[str, list[tuple[str, int]]] = {}
for _place, _convention in enumerate(COLUMN_ORDER):
    for _row, (_attribute, _column) in enumerate(_convention.columns):
        _COLUMNS.setdefault(_attribute, []).append((_column, _place * 1000 + _row))


def _learn(name: str) -> Rules:
    mask = sum(1 << bit for bit, evidence in enumerate(_EVIDENCE) if evidence.match(name))
    kinds = tuple(
        (bit, dict(convention.kinds[name]))
        for bit, convention in enumerate(CONVENTIONS)
        if name in convention.kinds
    )
    columns = tuple(_COLUMNS.get(name, ()))
    head, dot, _ = name.replace(":", ".").partition(".")
    about_agents = bool(dot) and head in _ABOUT_AGENTS
    unknown = about_agents and not columns and not kinds and not _UNDERSTOOD.match(name)
    floor = -1
    # Lists in attribute names are read as lists, or not at all.
    indexed = any(step.isdigit() for step in name.split("."))
    # Ours are understood where they are written: replay compares them letter by letter.
    ours = head == "everyspan"
    if not columns and not kinds and not indexed and not ours and not _EXACTLY.match(name):
        floor = max(-1, hand_written.place_of(name))
    unknown = unknown and floor < 0
    return Rules(mask, columns, kinds, unknown, floor, unknown or floor >= 0)


class _Known(dict[str, Rules]):
    """The rules of each attribute name, learned when it comes first."""

    def __missing__(self, name: str) -> Rules:
        found = _learn(name)
        if len(name) > _LONGEST_KNOWN:
            return found
        # Senders may invent names without end (an id in a name); the memory for them has one.
        if len(self) >= _MAX_KNOWN:
            self.clear()
        self[name] = found
        return found


_MAX_KNOWN = 20_000
_LONGEST_KNOWN = 256
RULES = _Known()


_CONTENTS: dict[int, tuple[Content, ...]] = {}


def contents_of(mask: int) -> tuple[Content, ...]:
    """The functions of a mask's conventions, in the order of COLUMN_ORDER."""
    found = _CONTENTS.get(mask)
    if found is None:
        applying = (c for c in COLUMN_ORDER if mask >> CONVENTIONS.index(c) & 1)
        found = tuple(c.content for c in applying if c.content is not None)
        _CONTENTS[mask] = found
    return found


_NAMES: dict[int, str] = {}


def name_of(mask: int) -> str:
    """The most specific convention of a mask, '' for none."""
    found = _NAMES.get(mask)
    if found is None:
        named = (c.name for bit, c in enumerate(CONVENTIONS) if mask >> bit & 1 and c.name)
        found = _NAMES[mask] = next(named, "")
    return found

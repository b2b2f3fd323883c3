"""What the step around a single model call knows of it, and the call does not say.

Some frameworks record the texts on the step and the usage on the call within (Mastra), some count
what the model thought on the outer of two (Google ADK). A step that has several calls below it says
nothing of any single one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from classify.settle.tree import Tree
from classify.settle.usage import reported
from clickhouse.span import Span

#: Attribute that names the columns which the step around the call said.
FROM_AROUND = "everyspan.from_around"
_ASKED = ("input", "input_messages", "system_instructions", "tool_definitions")
_TOLD = ("output", "output_messages")
_AROUND = frozenset({"chain", "other"})


def from_around(spans: Sequence[Span], *, texts: bool = True) -> list[Span]:
    """Changed copies of the calls that get something; pure, and the same when run again.

    ``texts``: whether texts, too, or numbers alone.
    """
    if not any(span.step_kind == "llm" for span in spans):
        return []
    tree = Tree(spans)
    changed = []
    for node, call in enumerate(tree.spans):
        parent = tree.parents[node]
        if call.step_kind != "llm" or parent < 0:
            continue
        siblings = [tree.spans[child].step_kind for child in tree.children[parent]]
        if siblings.count("llm") != 1:
            continue
        around = tree.spans[parent]
        found: dict[str, Any] = {}
        if around.step_kind in _AROUND and texts:
            found |= _texts(call, around)
        elif around.step_kind == "llm":
            found |= _thoughts(call, around)
        if found:
            before = call.attributes.get(FROM_AROUND, "")
            names = ",".join(sorted({*filter(None, before.split(",")), *found}))
            attributes = {**call.attributes, FROM_AROUND: names}
            changed.append(replace(call, attributes=attributes, **found))
    return changed


def _texts(call: Span, around: Span) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not call.input and around.input_messages:
        found |= {column: getattr(around, column) for column in _ASKED if not getattr(call, column)}
    if not call.output and around.output_messages:
        found |= {column: getattr(around, column) for column in _TOLD}
    return {column: text for column, text in found.items() if text}


def _thoughts(call: Span, around: Span) -> dict[str, Any]:
    """Output that includes what the model thought, where the call's own leaves it out."""
    inner, outer = reported(call), reported(around)
    thought = outer[3]
    if (
        inner[0] == outer[0]
        and thought
        and not inner[3]
        and inner[1] is not None
        and inner[1] + thought == outer[1]
    ):
        told = {"output_tokens": outer[1], "reasoning_tokens": thought, "cost_usd": outer[4]}
        if outer[2] and not inner[2]:
            told["cached_input_tokens"] = outer[2]
        return told
    return {}

"""Spans that someone wrote by hand, and conventions that nobody has named here.

Applies where no other convention does. Attributes are read by the end of their name
(``myapp.llm.prompt`` is a prompt), spans of other instrumentations (HTTP, databases, queues) are
left alone.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ingest.conventions.convention import Attributes, Draft

NAME = "hand_written"

#: End of an attribute's name to column, in the order of trust.
ENDINGS = (
    ("input_messages", "input_messages"),
    ("output_messages", "output_messages"),
    ("messages", "input_messages"),
    ("system_prompt", "system_instructions"),
    ("system_instructions", "system_instructions"),
    ("tool_definitions", "tool_definitions"),
    ("session.id", "session_id"),
    ("user.id", "user_id"),
    ("finish_reason", "finish_reason"),
    ("stop_reason", "finish_reason"),
    ("ttft_ms", "time_to_first_token_ms"),
    ("time_to_first_token_ms", "time_to_first_token_ms"),
    ("time_to_first_token", "time_to_first_token"),
    ("total_tokens", "total_tokens"),
    ("cache_read_tokens", "cached_input_tokens"),
    ("cache_read_input_tokens", "cached_input_tokens"),
    ("cached_input_tokens", "cached_input_tokens"),
    ("cache_creation_tokens", "cache_write_tokens"),
    ("cache_creation_input_tokens", "cache_write_tokens"),
    ("cache_write_tokens", "cache_write_tokens"),
    ("usage", "usage"),
    ("is_error", "failed"),
    ("token_usage", "usage"),
    ("tool_name", "tool_name"),
    ("tool.name", "tool_name"),
    ("function.name", "tool_name"),
    ("tool.arguments", "tool_arguments"),
    ("tool_call", "tool_arguments"),
    ("tool.input", "tool_arguments"),
    ("tool.args", "tool_arguments"),
    ("tool_args", "tool_arguments"),
    ("tool_arguments", "tool_arguments"),
    ("tool_input", "tool_arguments"),
    ("tool.result", "tool_result"),
    ("tool.output", "tool_result"),
    ("tool_result", "tool_result"),
    ("tool_output", "tool_result"),
    ("input.text", "input"),
    ("output.text", "output"),
    ("prompt", "input"),
    ("question", "input"),
    ("query", "input"),
    ("input", "input"),
    ("inputs", "input"),
    ("arguments", "input"),
    ("args", "input"),
    ("completion", "output"),
    ("answer", "output"),
    ("response", "output"),
    ("output", "output"),
    ("outputs", "output"),
    ("result", "output"),
    ("documents", "documents"),
    ("docs", "documents"),
    ("model_name", "model"),
    ("model", "model"),
    ("model.id", "model"),
    ("provider", "provider"),
    ("input_tokens", "input_tokens"),
    ("prompt_tokens", "input_tokens"),
    ("tokens.input", "input_tokens"),
    ("tokens.prompt", "input_tokens"),
    ("output_tokens", "output_tokens"),
    ("completion_tokens", "output_tokens"),
    ("tokens.output", "output_tokens"),
    ("tokens.completion", "output_tokens"),
    ("cached_tokens", "cached_input_tokens"),
    ("reasoning_tokens", "reasoning_tokens"),
    ("cost_usd", "cost_usd"),
    ("session_id", "session_id"),
    ("conversation_id", "session_id"),
    ("thread_id", "session_id"),
    ("user_id", "user_id"),
    ("agent_name", "agent_name"),
    ("agent.name", "agent_name"),
    ("prompt_name", "prompt_name"),
    ("prompt_version", "prompt_version"),
)

#: Spans with one of these belong to an instrumentation that isn't about agents.
_OTHER_WORK = re.compile(r"^(?:http|url|db|rpc|messaging|net|faas|aws|graphql|dns|server|client)\.")
_ELSEWHERE = -2
#: Characters of a name that are looked at (and remembered); the end tells.
_LONGEST_NAME = 256

#: Words in a span's name or in an attribute that says its kind.
_KINDS = (
    ("rerank", "reranker"),
    ("embed", "embedding"),
    ("retriev", "retrieval"),
    ("guardrail", "guardrail"),
    ("moderation", "guardrail"),
    ("evaluat", "evaluator"),
    ("judge", "evaluator"),
    ("tool", "tool"),
    ("function_call", "tool"),
    ("agent", "agent"),
    ("llm", "llm"),
    ("chat", "llm"),
    ("completion", "llm"),
    ("generat", "llm"),
    ("pars", "parser"),
    ("workflow", "chain"),
    ("pipeline", "chain"),
    ("chain", "chain"),
    ("search", "retrieval"),
)
_KIND_ATTRIBUTES = ("step.kind", "step_kind", "span.kind", "span_type", "span.type", "kind", "type")


def apply(name: str, attributes: Attributes, draft: Draft) -> bool:
    """Fill the draft; whether the span looks like a step of an agent at all."""
    places = []
    for attribute in attributes:
        place = place_of(attribute[-_LONGEST_NAME:])
        if place == _ELSEWHERE:
            return False
        if place >= 0:
            places.append((place, attribute))
    found = False
    for place, attribute in sorted(places):
        if draft.set(ENDINGS[place][1], attributes[attribute]):
            draft.sources[ENDINGS[place][1]] = attribute
            found = True
    if not found:
        return False
    if draft.get("step_kind") is None:
        draft.set("step_kind", _kind(name.lower(), attributes, draft))
    return True


def fill_rest(floor: list[tuple[int, str]], attributes: Attributes, draft: Draft) -> None:
    """Columns that no convention filled, from attributes that none knows (row in ENDINGS, name)."""
    for place, attribute in sorted(floor):
        column = ENDINGS[place][1]
        if draft.set(column, attributes[attribute]):
            draft.sources[column] = attribute


_SMALL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=20_000)
def place_of(attribute: str) -> int:
    """The attribute's row in ENDINGS, -1 for none, -2 for other work."""
    if _OTHER_WORK.match(attribute):
        return _ELSEWHERE
    attribute = _SMALL.sub("_", attribute).lower().replace("-", "_")
    for place, (ending, _) in enumerate(ENDINGS):
        if attribute == ending or attribute.endswith("." + ending):
            return place
    return -1


def _kind(name: str, attributes: Attributes, draft: Draft) -> str:
    for attribute, value in attributes.items():
        if isinstance(value, str) and attribute.rpartition(".")[2] in _KIND_ATTRIBUTES:
            kind = _by_word(value.lower())
            if kind:
                return kind
    get = draft.get
    if get("tool_name") or get("tool_arguments") or get("tool_result"):
        return "tool"
    kind = _by_word(name)
    if get("documents") and kind != "reranker":
        return "retrieval"
    if get("model") or get("input_tokens") or get("output_messages"):
        return kind if kind in ("embedding", "reranker", "agent", "evaluator") else "llm"
    return kind or "chain"


def _by_word(text: str) -> str:
    return next((kind for word, kind in _KINDS if word in text), "")

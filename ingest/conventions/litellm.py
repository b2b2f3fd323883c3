"""LiteLLM's proxy and SDK. Source: BerriAI/litellm, integrations/opentelemetry.

It speaks OpenTelemetry GenAI on a span of its own or, if there is one, on the caller's. The span
``raw_gen_ai_request`` below repeats the call in the provider's own words (``llm.openai.messages``),
as Python literals.
"""

from __future__ import annotations

import re
from typing import Any

from ingest.conventions.convention import CONTENT, Attributes, Convention, Draft
from ingest.conventions.messages import messages_of
from ingest.conventions.readable import python_literal

_RAW = re.compile(r"^llm\.[a-zA-Z_]+\.(messages|choices|tools|model|user|usage)$")
_COLUMNS = {
    "messages": "input_messages",
    "choices": "output_messages",
    "tools": "tool_definitions",
    "model": "model",
    "user": "user_id",
}


def content(attributes: Attributes, draft: Draft) -> None:
    """Raw requests; answers that are tool calls, which ``gen_ai.output.messages`` leaves out."""
    told = draft.get("output_messages")
    if isinstance(told, str) and not any(m.get("parts") for m in messages_of(told)):
        # gen_ai.completion.0.function_call has them (genai_legacy).
        del draft.values["output_messages"]
    for name, value in attributes.items():
        raw = _RAW.match(name)
        if raw is None:
            continue
        data = python_literal(value)
        if raw[1] == "usage":
            _set_usage(data, draft)
        else:
            column = _COLUMNS[raw[1]]
            draft.set(column, data, *([name] if column in CONTENT else []))


def _set_usage(usage: Any, draft: Draft) -> None:
    """A call on the caller's span overwrites the one before: the raw requests have them all."""
    if not isinstance(usage, dict):
        return
    for column, key, details in (
        ("input_tokens", "prompt_tokens", None),
        ("input_tokens", "input_tokens", None),
        ("output_tokens", "completion_tokens", None),
        ("output_tokens", "output_tokens", None),
        ("cached_input_tokens", "cached_tokens", "prompt_tokens_details"),
        ("cached_input_tokens", "cached_tokens", "input_tokens_details"),
        ("cached_input_tokens", "cache_read_input_tokens", None),
        ("cache_write_tokens", "cache_creation_input_tokens", None),
        ("reasoning_tokens", "reasoning_tokens", "completion_tokens_details"),
        ("reasoning_tokens", "reasoning_tokens", "output_tokens_details"),
    ):
        place = usage.get(details) if details else usage
        if isinstance(place, dict):
            draft.set(column, place.get(key))


CONVENTION = Convention(
    name="litellm",
    evidence=(
        "litellm.*",
        "hidden_params",
        "metadata.user_api_key_hash",
        "gen_ai.cost.total_cost",
        "llm.openai.*",
        "llm.azure.*",
        "llm.anthropic.*",
        "llm.bedrock.*",
        "llm.vertex_ai.*",
        "llm.gemini.*",
        "llm.None.*",
    ),
    columns=(
        ("gen_ai.cost.total_cost", "cost_usd"),
        ("metadata.user_api_key_end_user_id", "user_id"),
        ("llm.user", "user_id"),
    ),
    kinds={"litellm.call_type": {"embedding": "embedding", "aembedding": "embedding"}},
    content=content,
    understood=(
        "litellm.*",
        "metadata.*",
        "hidden_params",
        "llm.openai.*",
        "llm.azure.*",
        "llm.anthropic.*",
        "llm.bedrock.*",
        "llm.vertex_ai.*",
        "llm.gemini.*",
        "llm.None.*",
    ),
)

"""OpenTelemetry GenAI up to v1.36, and what instrumentations wrote beside it.

Source: open-telemetry/semantic-conventions v1.27 to v1.36, docs/gen-ai; names that several
instrumentations share although no release had them (``gen_ai.usage.cache_read_input_tokens``).
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import loads
from ingest.conventions.convention import Attributes, Convention, Draft
from ingest.conventions.indexed import unflatten

_LISTS = ("gen_ai.prompt.", "gen_ai.completion.", "llm.request.functions.")


def content(attributes: Attributes, draft: Draft) -> None:
    """``gen_ai.prompt.0.content`` and its like: lists of messages in attribute names."""
    flat = {name: value for name, value in attributes.items() if name.startswith(_LISTS)}
    for prefix, column in (
        ("gen_ai.prompt.", "input_messages"),
        ("gen_ai.completion.", "output_messages"),
    ):
        found, names = unflatten(flat, prefix)
        if isinstance(found, list):
            role = "user" if column == "input_messages" else "assistant"
            messages = [_message(role, item) for item in found if isinstance(item, dict)]
            draft.set(column, messages, *names)
    found, names = unflatten(flat, "llm.request.functions.")
    if isinstance(found, list):
        draft.set("tool_definitions", found, *names)
    details = attributes.get("gen_ai.usage.details")
    if isinstance(details, dict):
        draft.set("cached_input_tokens", details.get("cache_read_tokens"))
        draft.set("reasoning_tokens", details.get("reasoning_tokens"))


def _message(role: str, item: dict[str, Any]) -> dict[str, Any]:
    """Some write a text as JSON, quotes and all."""
    content = item.get("content")
    if isinstance(content, str) and content[:1] == '"' and content[-1:] == '"':
        text = loads(content)
        if isinstance(text, str):
            item = {**item, "content": text}
    return {"role": role, **item}


CONVENTION = Convention(
    name="opentelemetry",
    evidence=(
        "gen_ai.system",
        "gen_ai.prompt*",
        "gen_ai.completion*",
        "gen_ai.usage.prompt_tokens",
    ),
    columns=(
        ("gen_ai.system", "provider"),
        ("gen_ai.prompt", "input_messages"),
        ("gen_ai.completion", "output_messages"),
        ("gen_ai.content.prompt", "input_messages"),
        ("gen_ai.content.completion", "output_messages"),
        ("gen_ai.usage.prompt_tokens", "input_tokens"),
        ("gen_ai.usage.completion_tokens", "output_tokens"),
        ("gen_ai.usage.cache_read_input_tokens", "cached_input_tokens"),
        ("gen_ai.usage.cache_read_tokens", "cached_input_tokens"),
        ("gen_ai.usage.cached_tokens", "cached_input_tokens"),
        ("gen_ai.usage.input_tokens.cached", "cached_input_tokens"),
        ("gen_ai.usage.details.cache_read_tokens", "cached_input_tokens"),
        ("gen_ai.usage.details.cache_read_input_tokens", "cached_input_tokens"),
        ("gen_ai.usage.cache_creation_input_tokens", "cache_write_tokens"),
        ("gen_ai.usage.details.cache_write_tokens", "cache_write_tokens"),
        ("gen_ai.usage.details.cache_creation_input_tokens", "cache_write_tokens"),
        ("gen_ai.usage.cache_write_input_tokens", "cache_write_tokens"),
        ("gen_ai.usage.input_audio_tokens", "input_audio_tokens"),
        ("gen_ai.usage.output_audio_tokens", "output_audio_tokens"),
        ("gen_ai.usage.reasoning_tokens", "reasoning_tokens"),
        ("gen_ai.usage.output_tokens.reasoning", "reasoning_tokens"),
        ("gen_ai.usage.details.reasoning_tokens", "reasoning_tokens"),
        ("gen_ai.usage.total_cost", "cost_usd"),
        ("gen_ai.cost.total_cost", "cost_usd"),
        ("operation.cost", "cost_usd"),
        ("gen_ai.session.id", "session_id"),
        ("gen_ai.user.id", "user_id"),
        ("gen_ai.request.user", "user_id"),
        ("gen_ai.tool.input", "tool_arguments"),
        ("gen_ai.tool.arguments", "tool_arguments"),
        ("gen_ai.tool.args", "tool_arguments"),
        ("gen_ai.tool.output", "tool_result"),
        ("gen_ai.tool.result", "tool_result"),
        ("gen_ai.agent.tools", "tool_definitions"),
        ("gen_ai.input", "input"),
        ("gen_ai.output", "output"),
    ),
    content=content,
    understood=(
        "gen_ai.prompt.*",
        "gen_ai.completion.*",
        "gen_ai.cost.*",
        "gen_ai.event.*",
        "gen_ai.is_streaming",
    ),
)

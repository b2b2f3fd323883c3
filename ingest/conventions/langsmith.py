"""LangSmith's OpenTelemetry export. Source: langchain-ai/langsmith-sdk, _internal/otel.

Inputs and outputs of a run are JSON in ``gen_ai.prompt`` and ``gen_ai.completion``.
``gen_ai.operation.name`` calls retrievers 'embeddings' and prompts 'chat': the run type decides.
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import loads
from ingest.conventions.convention import Attributes, Convention, Draft
from ingest.conventions.readable import python_literal

KINDS = {
    "llm": "llm",
    "chat_model": "llm",
    "tool": "tool",
    "retriever": "retrieval",
    "embedding": "embedding",
    "prompt": "prompt",
    "parser": "parser",
    "chain": "chain",
    "agent": "agent",
}


def content(attributes: Attributes, draft: Draft) -> None:
    """Token details are JSON objects; usage may come only with LangChain's message."""
    for name, key, column in (
        ("gen_ai.usage.input_token_details", "cache_read", "cached_input_tokens"),
        ("gen_ai.usage.input_token_details", "cache_creation", "cache_write_tokens"),
        ("gen_ai.usage.output_token_details", "reasoning", "reasoning_tokens"),
    ):
        draft.set(column, _data(attributes.get(name)).get(key))
    usage = _data(
        attributes.get("langsmith.metadata.usage_metadata")
        or attributes.get("langsmith.usage_metadata")
    )
    draft.set("input_tokens", usage.get("input_tokens"))
    draft.set("output_tokens", usage.get("output_tokens"))
    draft.set("cached_input_tokens", _data(usage.get("input_token_details")).get("cache_read"))
    draft.set("reasoning_tokens", _data(usage.get("output_token_details")).get("reasoning"))
    draft.set("cost_usd", usage.get("total_cost"))
    if attributes.get("langsmith.span.kind") == "tool":
        draft.set("tool_name", attributes.get("langsmith.trace.name"))


def _data(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = loads(value) or python_literal(value)
    return value if isinstance(value, dict) else {}


CONVENTION = Convention(
    name="langsmith",
    evidence=("langsmith.*",),
    columns=(
        ("langsmith.metadata.ls_provider", "provider"),
        ("langsmith.metadata.ls_model_name", "model"),
        ("langsmith.metadata.session_id", "session_id"),
        ("langsmith.metadata.thread_id", "session_id"),
        ("langsmith.metadata.conversation_id", "session_id"),
        ("langsmith.metadata.user_id", "user_id"),
        ("langsmith.metadata.lc_hub_repo", "prompt_name"),
        ("langsmith.metadata.lc_hub_commit_hash", "prompt_version"),
        ("langsmith.metadata.agent_name", "agent_name"),
        ("langsmith.metadata.lc_agent_name", "agent_name"),
    ),
    kinds={"langsmith.span.kind": KINDS},
    content=content,
    understood=("langsmith.*", "gen_ai.serialized.*"),
)

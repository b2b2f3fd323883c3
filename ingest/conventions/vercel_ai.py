"""Vercel AI SDK before version 7. Source: vercel/ai, docs "Telemetry", packages/otel (legacy).

Version 7 with @ai-sdk/otel speaks OpenTelemetry GenAI and adds some ``ai.*``. The outer span of a
call (``ai.generateText``) is the agent's loop and carries the sum of its model calls
(``….doGenerate``).
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import loads, text_of
from ingest.conventions.convention import Attributes, Convention, Draft
from ingest.conventions.token_counts import usage_of

KINDS = {
    "ai.generatetext": "agent",
    "ai.streamtext": "agent",
    "ai.generateobject": "agent",
    "ai.streamobject": "agent",
    "ai.generatetext.dogenerate": "llm",
    "ai.streamtext.dostream": "llm",
    "ai.generateobject.dogenerate": "llm",
    "ai.streamobject.dostream": "llm",
    "ai.embed": "embedding",
    "ai.embedmany": "embedding",
    "ai.embed.doembed": "embedding",
    "ai.embedmany.doembed": "embedding",
    "ai.rerank": "reranker",
    "ai.rerank.dorerank": "reranker",
    "ai.toolcall": "tool",
}


def content(attributes: Attributes, draft: Draft) -> None:
    """An answer is text, an object or tool calls, each an attribute of its own."""
    for prefix in ("ai.response.", "ai.result."):
        parts: list[dict[str, Any]] = []
        names = []
        for name, kind in (("reasoning", "reasoning"), ("text", "text"), ("object", "text")):
            text = attributes.get(prefix + name)
            if text:
                parts.append({"type": kind, "content": text_of(text)})
                names.append(prefix + name)
        calls = attributes.get(prefix + "toolCalls")
        calls = loads(calls) if isinstance(calls, str) else calls
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                parts.append({**call, "type": "tool-call"})
                names.append(prefix + "toolCalls")
        if parts:
            draft.set("output_messages", [{"role": "assistant", "content": parts}], *names)
    told = attributes.get("ai.response.providerMetadata")
    if isinstance(told, str) and ("ache" in told or "service_tier" in told):
        _read_metadata(loads(told), draft)
    values = attributes.get("ai.values")
    if isinstance(values, list):
        texts = [loads(value) if isinstance(value, str) else value for value in values]
        draft.set("input", "\n".join(map(text_of, texts)), "ai.values")


def _read_metadata(told: Any, draft: Draft) -> None:
    """``{"anthropic": {"usage": …, "cacheCreationInputTokens": 300}}``: what the SDK has no
    attribute for."""
    for provider in told.values() if isinstance(told, dict) else ():
        for column, number in usage_of(provider).items():
            if column not in ("input_tokens", "output_tokens"):
                draft.set(column, number)
        usage = provider.get("usage") if isinstance(provider, dict) else None
        if isinstance(usage, dict):
            draft.set("service_tier", usage.get("service_tier"))


CONVENTION = Convention(
    name="vercel_ai",
    evidence=("ai.*",),
    columns=(
        ("ai.prompt.messages", "input_messages"),
        ("ai.prompt.tools", "tool_definitions"),
        ("ai.prompt", "input"),
        ("ai.value", "input"),
        ("ai.toolCall.args", "tool_arguments"),
        ("ai.toolCall.result", "tool_result"),
        ("ai.toolCall.name", "tool_name"),
        ("ai.model.provider", "provider"),
        ("ai.response.model", "model"),
        ("ai.model.id", "model"),
        ("ai.response.id", "response_id"),
        ("ai.response.finishReason", "finish_reason"),
        ("ai.response.msToFirstChunk", "time_to_first_token_ms"),
        ("ai.usage.totalTokens", "total_tokens"),
        ("ai.usage.inputTokens", "input_tokens"),
        ("ai.usage.promptTokens", "input_tokens"),
        ("ai.usage.tokens", "input_tokens"),
        ("ai.usage.outputTokens", "output_tokens"),
        ("ai.usage.completionTokens", "output_tokens"),
        ("ai.usage.cachedInputTokens", "cached_input_tokens"),
        ("ai.usage.inputTokenDetails.noCacheTokens", "uncached_tokens"),
        ("ai.usage.inputTokenDetails.cacheReadTokens", "cached_input_tokens"),
        ("ai.usage.inputTokenDetails.cacheWriteTokens", "cache_write_tokens"),
        ("ai.usage.reasoningTokens", "reasoning_tokens"),
        ("ai.usage.outputTokenDetails.reasoningTokens", "reasoning_tokens"),
        ("ai.settings.context.sessionId", "session_id"),
        ("ai.settings.context.userId", "user_id"),
        ("ai.telemetry.metadata.sessionId", "session_id"),
        ("ai.telemetry.metadata.session_id", "session_id"),
        ("ai.telemetry.metadata.userId", "user_id"),
        ("ai.telemetry.metadata.user_id", "user_id"),
        ("ai.telemetry.metadata.promptName", "prompt_name"),
        ("ai.telemetry.metadata.promptVersion", "prompt_version"),
        ("ai.telemetry.functionId", "agent_name"),
    ),
    kinds={"ai.operationId": KINDS},
    content=content,
    understood=("ai.*",),
)

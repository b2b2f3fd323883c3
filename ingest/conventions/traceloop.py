"""OpenLLMetry / Traceloop. Source: traceloop/openllmetry, opentelemetry-semantic-conventions-ai.

Messages come as ``gen_ai.prompt.0.content`` (genai_legacy) or, newer, ``gen_ai.input.messages``.
"""

from __future__ import annotations

from ingest.attributes import loads
from ingest.conventions.convention import Attributes, Convention, Draft

#: 'workflow' and 'task' give way to what gen_ai.operation.name says (normalise).
KINDS = {"workflow": "chain", "task": "chain", "agent": "agent", "tool": "tool"}


def content(attributes: Attributes, draft: Draft) -> None:
    """Names of tools and agents, and LangChain's metadata inside the recorded input."""
    kind = attributes.get("traceloop.span.kind")
    if kind in ("tool", "agent"):
        draft.set(f"{kind}_name", attributes.get("traceloop.entity.name"))
    recorded = attributes.get("traceloop.entity.input")
    if draft.get("session_id") is None and isinstance(recorded, str) and "thread_id" in recorded:
        data = loads(recorded)
        metadata = data.get("metadata") if isinstance(data, dict) else None
        if isinstance(metadata, dict):
            draft.set("session_id", metadata.get("thread_id"))


CONVENTION = Convention(
    name="traceloop",
    evidence=("traceloop.*", "llm.request.type", "llm.usage.*", "llm.request.functions.*"),
    columns=(
        ("traceloop.entity.input", "input"),
        ("traceloop.entity.output", "output"),
        ("gen_ai.task.input", "input"),
        ("gen_ai.task.output", "output"),
        ("llm.vendor", "provider"),
        ("llm.response.model", "model"),
        ("llm.request.model", "model"),
        ("llm.response.id", "response_id"),
        ("llm.openai.id", "response_id"),
        ("llm.usage.prompt_tokens", "input_tokens"),
        ("llm.usage.completion_tokens", "output_tokens"),
        ("llm.usage.cache_read_input_tokens", "cached_input_tokens"),
        ("llm.usage.reasoning_tokens", "reasoning_tokens"),
        ("llm.usage.total_tokens", "total_tokens"),
        ("llm.usage.cost", "cost_usd"),
        ("llm.prompts", "input_messages"),
        ("llm.completions", "output_messages"),
        ("traceloop.association.properties.session_id", "session_id"),
        ("traceloop.association.properties.conversation_id", "session_id"),
        ("traceloop.association.properties.thread_id", "session_id"),
        ("traceloop.association.properties.chat_id", "session_id"),
        ("traceloop.association.properties.user_id", "user_id"),
        ("traceloop.prompt.key", "prompt_name"),
        ("traceloop.prompt.version", "prompt_version"),
        ("traceloop.prompt.managed", "prompt_name"),
        ("llm.agent.name", "agent_name"),
    ),
    kinds={
        "traceloop.span.kind": KINDS,
        "llm.request.type": {
            "chat": "llm",
            "completion": "llm",
            "embedding": "embedding",
            "rerank": "reranker",
        },
    },
    content=content,
    understood=(
        "traceloop.*",
        "llm.request.*",
        "llm.response.*",
        "llm.usage.*",
        "llm.chat.*",
        "llm.headers",
        "llm.is_streaming",
        "llm.user",
        "llm.top_k",
        "llm.frequency_penalty",
        "llm.presence_penalty",
        "gen_ai.task.*",
    ),
)

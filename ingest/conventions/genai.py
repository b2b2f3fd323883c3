"""OpenTelemetry GenAI, current. Source: open-telemetry/semantic-conventions-genai, model/gen-ai.

``gen_ai.usage.input_tokens`` includes cached tokens, ``…output_tokens`` includes reasoning.
"""

from __future__ import annotations

from ingest.conventions import openai_agents
from ingest.conventions.convention import Attributes, Convention, Draft

OPERATIONS = {
    "chat": "llm",
    "text_completion": "llm",
    "completion": "llm",
    "generate_content": "llm",
    "generate": "llm",
    "responses": "llm",
    "embeddings": "embedding",
    "embedding": "embedding",
    "execute_tool": "tool",
    "tool": "tool",
    "retrieval": "retrieval",
    "search_memory": "retrieval",
    "rerank": "reranker",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "agent": "agent",
    "invoke_workflow": "chain",
    "workflow": "chain",
    "chain": "chain",
    "plan": "chain",
    "prompt": "prompt",
    "guardrail": "guardrail",
    "apply_guardrail": "guardrail",
    "evaluate": "evaluator",
    "evaluation": "evaluator",
    "handoff": "other",
    # Not of the convention; what instrumentations write there.
    "llm": "llm",
    "chat_model": "llm",
    "retriever": "retrieval",
    "reranker": "reranker",
    "task": "chain",
    "agent_step": "chain",
    "execute_task": "chain",
    "vector_db_retrieve": "retrieval",
    "parser": "parser",
    "evaluator": "evaluator",
    "framework": "chain",  # Spring AI
    "execute_event_loop_cycle": "chain",  # Strands
    "execute_agent_loop_cycle": "chain",
    "model_generation": "chain",  # Mastra
    "model_step": "chain",
    "model_chunk": "other",
    "task_execution": "chain",
}
#: OpenTelemetry, model/mcp. The others list and describe.
MCP_METHODS = {"tools/call": "tool", "prompts/get": "prompt", "resources/read": "retrieval"}

#: Also the attributes of the event gen_ai.client.inference.operation.details.
CONTENT_COLUMNS = (
    ("gen_ai.input.messages", "input_messages"),
    ("gen_ai.output.messages", "output_messages"),
    ("gen_ai.system_instructions", "system_instructions"),
    ("gen_ai.tool.definitions", "tool_definitions"),
)


def content(attributes: Attributes, draft: Draft) -> None:
    """Calls that came as text."""
    for column in ("input_messages", "output_messages"):
        messages = draft.values.get(column)
        if type(messages) is str and openai_agents.MARK in messages:
            draft.values[column] = openai_agents.with_calls(messages)
    if attributes.get("gen_ai.tool.status") == "error":  # Strands
        draft.set("failed", True)


CONVENTION = Convention(
    name="opentelemetry",
    evidence=("gen_ai.*", "mcp.method.name"),
    columns=(
        *CONTENT_COLUMNS,
        ("gen_ai.tool.call.arguments", "tool_arguments"),
        ("gen_ai.tool.call.result", "tool_result"),
        ("gen_ai.tool.name", "tool_name"),
        ("mcp.tool.name", "tool_name"),
        ("gen_ai.retrieval.query.text", "input"),
        ("gen_ai.retrieval.documents", "documents"),
        ("gen_ai.provider.name", "provider"),
        ("gen_ai.response.model", "model"),
        ("gen_ai.request.model", "model"),
        ("gen_ai.response.id", "response_id"),
        ("gen_ai.usage.input_tokens", "input_tokens"),
        ("gen_ai.usage.output_tokens", "output_tokens"),
        ("gen_ai.usage.cache_read.input_tokens", "cached_input_tokens"),
        ("gen_ai.usage.cache_creation.input_tokens", "cache_write_tokens"),
        ("gen_ai.usage.cache_write.input_tokens", "cache_write_tokens"),
        ("gen_ai.usage.reasoning.output_tokens", "reasoning_tokens"),
        ("gen_ai.usage.audio.input_tokens", "input_audio_tokens"),
        ("gen_ai.usage.audio.output_tokens", "output_audio_tokens"),
        ("gen_ai.usage.image.input_tokens", "input_image_tokens"),
        ("gen_ai.usage.image.output_tokens", "output_image_tokens"),
        ("gen_ai.usage.total_tokens", "total_tokens"),
        ("openai.response.service_tier", "service_tier"),
        ("anthropic.response.service_tier", "service_tier"),
        ("gen_ai.openai.response.service_tier", "service_tier"),
        ("gen_ai.response.service_tier", "service_tier"),
        ("openai.request.service_tier", "service_tier"),
        ("gen_ai.openai.request.service_tier", "service_tier"),
        ("gen_ai.request.service_tier", "service_tier"),
        ("gen_ai.usage.cost", "cost_usd"),
        ("gen_ai.response.time_to_first_chunk", "time_to_first_token"),
        ("gen_ai.client.operation.time_to_first_chunk", "time_to_first_token"),
        ("gen_ai.server.time_to_first_token", "time_to_first_token"),
        ("gen_ai.response.time_to_first_token", "time_to_first_token"),
        ("gen_ai.server.ttft", "time_to_first_token"),
        ("gen_ai.response.finish_reasons", "finish_reason"),
        ("gen_ai.response.finish_reason", "finish_reason"),
        ("gen_ai.response.stop_reason", "finish_reason"),
        ("anthropic.message.stop_reason", "finish_reason"),
        ("gen_ai.conversation.id", "session_id"),
        ("gen_ai.agent.name", "agent_name"),
        ("gen_ai.workflow.name", "agent_name"),
        ("gen_ai.prompt.name", "prompt_name"),
        ("gen_ai.prompt.version", "prompt_version"),
    ),
    kinds={"gen_ai.operation.name": OPERATIONS, "mcp.method.name": MCP_METHODS},
    content=content,
    understood=(
        "gen_ai.request.*",
        "gen_ai.response.*",
        "gen_ai.usage.*",
        "gen_ai.openai.*",
        "gen_ai.agent.*",
        "gen_ai.tool.*",
        "gen_ai.evaluation.*",
        "gen_ai.embeddings.*",
        "gen_ai.retrieval.*",
        "gen_ai.output.type",
        "gen_ai.data_source.id",
        "gen_ai.token.type",
        "gen_ai.client.*",
        "gen_ai.execute_tool.*",
        "gen_ai.workflow.*",
        "openai.*",
        "mcp.*",
        "gen_ai.conversation.*",
        "gen_ai.event.*",
        "anthropic.thinking.type",
        "anthropic.thinking.budget_tokens",
    ),
)

"""Mastra. Source: mastra-ai/mastra, observability/otel-exporter, as captured from 1.71.

OpenTelemetry GenAI on calls and tools; what agents, generations and steps got and gave is in
``mastra.TYPE.input`` and ``.output``, what the application set in ``mastra.metadata.*``.
"""

from __future__ import annotations

from ingest.conventions.answers import data_of
from ingest.conventions.convention import Attributes, Convention, Draft

_TYPES = (
    "agent_run",
    "model_generation",
    "model_step",
    "model_inference",
    "model_chunk",
    "tool_call",
    "mcp_tool_call",
    "workflow_run",
    "workflow_step",
    "processor_run",
    "generic",
)


def content(attributes: Attributes, draft: Draft) -> None:
    """A run that ended in an error says so by its reason to stop alone; usage of a stated step."""
    reasons = attributes.get("gen_ai.response.finish_reasons")
    if reasons in (["error"], "error", '["error"]'):
        draft.set("status", "error")
    body = data_of(attributes.get("mastra.metadata.body"))
    if isinstance(body, dict) and isinstance(body.get("id"), str):
        draft.set("response_id", body["id"])


CONVENTION = Convention(
    name="mastra",
    evidence=("mastra.*",),
    columns=(
        *((f"mastra.{kind}.input", "input") for kind in _TYPES),
        *((f"mastra.{kind}.output", "output") for kind in _TYPES),
        ("mastra.metadata.sessionId", "session_id"),
        ("mastra.metadata.threadId", "session_id"),
        ("mastra.metadata.userId", "user_id"),
        ("mastra.metadata.resourceId", "user_id"),
        ("mastra.completion_start_time", "time_to_first_token"),
    ),
    kinds={
        "mastra.span.type": {
            "agent_run": "agent",
            "model_generation": "chain",
            "model_step": "chain",
            "model_inference": "llm",
            "model_chunk": "other",
            "tool_call": "tool",
            "mcp_tool_call": "tool",
            "workflow_run": "chain",
            "workflow_step": "chain",
            "processor_run": "guardrail",
            "rag_embedding": "embedding",
            "rag_vector_operation": "retrieval",
        }
    },
    content=content,
    understood=(
        "mastra.metadata.*",
        "mastra.tags",
        "mastra.model_step.step_index",
        "mastra.model_step.is_continued",
        "mastra.model_chunk.*",
    ),
)

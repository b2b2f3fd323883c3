"""MLflow tracing. Source: mlflow/mlflow, tracing/constant.py. Every value is JSON text.

Usage is inclusive: ``input_tokens`` counts cached ones as well.
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import loads
from ingest.conventions.convention import Attributes, Convention, Draft

KINDS = {
    "llm": "llm",
    "chat_model": "llm",
    "chain": "chain",
    "workflow": "chain",
    "task": "chain",
    "agent": "agent",
    "tool": "tool",
    "embedding": "embedding",
    "retriever": "retrieval",
    "parser": "parser",
    "reranker": "reranker",
    "guardrail": "guardrail",
    "evaluator": "evaluator",
    "memory": "other",
    "unknown": "other",
}


def content(attributes: Attributes, draft: Draft) -> None:
    """Usage and cost are inside JSON."""
    usage = _data(attributes.get("mlflow.chat.tokenUsage"))
    draft.set("input_tokens", usage.get("input_tokens"))
    draft.set("output_tokens", usage.get("output_tokens"))
    draft.set("cached_input_tokens", usage.get("cache_read_input_tokens"))
    draft.set("cache_write_tokens", usage.get("cache_creation_input_tokens"))
    draft.set("cost_usd", _data(attributes.get("mlflow.llm.cost")).get("total_cost"))
    if str(attributes.get("mlflow.spanType")).strip('"').upper() == "TOOL":
        draft.set("tool_name", attributes.get("mlflow.spanFunctionName"))


def _data(value: Any) -> dict[str, Any]:
    value = loads(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else {}


CONVENTION = Convention(
    name="mlflow",
    evidence=("mlflow.*",),
    columns=(
        ("mlflow.spanInputs", "input"),
        ("mlflow.spanOutputs", "output"),
        ("mlflow.chat.tools", "tool_definitions"),
        ("mlflow.llm.model", "model"),
        ("mlflow.llm.provider", "provider"),
        ("mlflow.trace.session", "session_id"),
        ("mlflow.trace.user", "user_id"),
    ),
    kinds={"mlflow.spanType": KINDS},
    content=content,
    understood=("mlflow.*",),
)

"""Langfuse's own attributes. Source: langfuse/langfuse, packages/shared/src/server/otel.

``usage_details`` counts each token under one key: ``input`` leaves out what ``input_cached_tokens``
and other ``input_*`` keys say, so they are added here. OpenAI's own names (``prompt_tokens``)
include them.
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import loads
from ingest.conventions.convention import Attributes, Convention, Draft

KINDS = {
    "generation": "llm",
    "span": "chain",
    "event": "other",
    "embedding": "embedding",
    "agent": "agent",
    "tool": "tool",
    "chain": "chain",
    "retriever": "retrieval",
    "guardrail": "guardrail",
    "evaluator": "evaluator",
}


def content(attributes: Attributes, draft: Draft) -> None:
    """Usage, cost and level."""
    usage = _data(attributes.get("langfuse.observation.usage_details"))
    numbers = {k: v for k, v in usage.items() if isinstance(v, int | float)}
    cached = _first(
        numbers,
        "input_cached_tokens",
        "input_cache_read",
        "cache_read_input_tokens",
        "input_cached",
    )
    if cached is None:
        cached = _data(usage.get("prompt_tokens_details")).get("cached_tokens")
    reasoning = _first(numbers, "output_reasoning_tokens", "output_reasoning", "reasoning_tokens")
    if reasoning is None:
        reasoning = _data(usage.get("completion_tokens_details")).get("reasoning_tokens")
    if "prompt_tokens" in numbers:
        draft.added_up = draft.set("input_tokens", numbers["prompt_tokens"])
        draft.set("output_tokens", numbers.get("completion_tokens"))
    else:
        inputs = [v for k, v in numbers.items() if k == "input" or k.startswith("input_")]
        beside = [v for k, v in numbers.items() if k.startswith("cache_")]
        outputs = [v for k, v in numbers.items() if k == "output" or k.startswith("output_")]
        if inputs and draft.set("input_tokens", sum(inputs) + sum(beside)):
            draft.added_up = True
        draft.set("output_tokens", sum(outputs) if outputs else None)
    draft.set("cached_input_tokens", cached)
    draft.set("reasoning_tokens", reasoning)
    costs = _data(attributes.get("langfuse.observation.cost_details"))
    amounts = {k: v for k, v in costs.items() if isinstance(v, int | float)}
    if amounts:
        draft.set("cost_usd", amounts.get("total", sum(amounts.values())) or None)
    draft.set("system_instructions", attributes.get("langfuse.observation.metadata.instructions"))
    if attributes.get("langfuse.observation.level") == "ERROR":
        draft.set("status", "error")


def _first(values: dict[str, Any], *keys: str) -> Any:
    return next((values[key] for key in keys if key in values), None)


def _data(value: Any) -> dict[str, Any]:
    value = loads(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else {}


CONVENTION = Convention(
    name="langfuse",
    evidence=("langfuse.*",),
    columns=(
        ("langfuse.observation.input", "input"),
        ("langfuse.observation.output", "output"),
        ("langfuse.observation.model.name", "model"),
        ("langfuse.observation.prompt.name", "prompt_name"),
        ("langfuse.prompt.name", "prompt_name"),
        ("langfuse.observation.prompt.version", "prompt_version"),
        ("langfuse.prompt.version", "prompt_version"),
        ("langfuse.observation.status_message", "status_message"),
        ("langfuse.observation.completion_start_time", "time_to_first_token"),
        ("langfuse.session.id", "session_id"),
        ("langfuse.user.id", "user_id"),
        ("langfuse.environment", "environment"),
        ("langfuse.release", "service_version"),
        ("langfuse.experiment.name", "experiment"),
        ("langfuse.trace.input", "input"),
        ("langfuse.trace.output", "output"),
    ),
    kinds={"langfuse.observation.type": KINDS},
    content=content,
    understood=("langfuse.*",),
)

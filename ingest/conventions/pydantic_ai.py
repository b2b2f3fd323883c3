"""Pydantic AI and Logfire. Source: pydantic/pydantic-ai, models/instrumented.py; pydantic/logfire.

Formats 1 to 3: ``events`` and ``all_messages_events`` (bodies of GenAI events up to v1.36), later
``pydantic_ai.all_messages`` beside OpenTelemetry GenAI. Logfire's own OpenAI and Anthropic spans
hold the request and the response as JSON.
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import loads
from ingest.conventions.convention import Attributes, Convention, Draft
from ingest.conventions.messages import messages_of


def content(attributes: Attributes, draft: Draft) -> None:
    """A conversation in one list: what came before the last answer is the input."""
    for name in ("pydantic_ai.all_messages", "all_messages_events", "events"):
        conversation = messages_of(attributes.get(name))
        if not conversation:
            continue
        has_answer = conversation[-1].get("role") == "assistant"
        inputs = conversation[:-1] if has_answer else conversation
        stored = draft.set("input_messages", inputs)
        if has_answer:
            stored = draft.set("output_messages", conversation[-1:]) and stored
        if stored:
            draft.made_of["output_messages"] = (name,)
    request = _data(attributes.get("request_data"))
    draft.set("input_messages", messages_of(request))
    draft.set("tool_definitions", request.get("tools"))
    response = _data(attributes.get("response_data"))
    draft.set("output_messages", messages_of(response, "assistant"))
    usage = _data(response.get("usage"))
    for column, keys in (
        ("input_tokens", ("input_tokens", "prompt_tokens")),
        ("output_tokens", ("output_tokens", "completion_tokens")),
    ):
        for key in keys:
            draft.set(column, usage.get(key))
    parameters = _data(attributes.get("model_request_parameters"))
    draft.set("tool_definitions", parameters.get("function_tools"))


def _data(value: Any) -> dict[str, Any]:
    value = loads(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else {}


CONVENTION = Convention(
    name="pydantic_ai",
    evidence=(
        "pydantic_ai.*",
        "all_messages_events",
        "logfire.msg",
        "model_request_parameters",
    ),
    columns=(
        ("final_result", "output"),
        ("tool_arguments", "tool_arguments"),
        ("tool_response", "tool_result"),
        ("agent_name", "agent_name"),
        ("model_name", "model"),
        # Of the whole run: an agent's span carries the sum of its model calls.
        ("gen_ai.aggregated_usage.input_tokens", "input_tokens"),
        ("gen_ai.aggregated_usage.output_tokens", "output_tokens"),
        ("gen_ai.aggregated_usage.cache_read.input_tokens", "cached_input_tokens"),
        ("gen_ai.aggregated_usage.details.cache_read_tokens", "cached_input_tokens"),
        ("gen_ai.aggregated_usage.details.reasoning_tokens", "reasoning_tokens"),
    ),
    content=content,
    understood=("pydantic_ai.*", "logfire.*", "gen_ai.aggregated_usage.*"),
)

"""Google's Agent Development Kit. Source: google/adk-python, google/adk-java, telemetry.

Gemini shapes in JSON: the request's ``config`` has system text and tools, the response's
``usage_metadata`` counts what the model thought, which ``gen_ai.usage.output_tokens`` leaves out.
"""

from __future__ import annotations

from ingest.conventions.answers import data_of
from ingest.conventions.convention import Attributes, Convention, Draft
from ingest.conventions.token_counts import find_usage


def content(attributes: Attributes, draft: Draft) -> None:
    """The response's own usage before the span's."""
    response = data_of(attributes.get("gcp.vertex.agent.llm_response"))
    if not response:
        return
    draft.values |= find_usage(response)


CONVENTION = Convention(
    name="google_adk",
    evidence=("gcp.vertex.agent.*",),
    columns=(
        ("gcp.vertex.agent.llm_request", "input"),
        ("gcp.vertex.agent.llm_response", "output"),
        ("gcp.vertex.agent.tool_call_args", "tool_arguments"),
        ("gcp.vertex.agent.tool_response", "tool_result"),
        ("gcp.vertex.agent.session_id", "session_id"),
    ),
    content=content,
    understood=(
        "gcp.vertex.agent.event_id",
        "gcp.vertex.agent.invocation_id",
        "gcp.vertex.agent.associated_event_ids",
        "gcp.vertex.agent.data",
        "gen_ai.tool_call.id",
    ),
)

"""Google's Agent Development Kit. Source: google/adk-python, telemetry. Gemini shapes in JSON."""

from __future__ import annotations

from ingest.conventions.convention import Convention

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
    understood=("gcp.vertex.agent.*",),
)

"""LiveKit Agents. Source: livekit/agents, telemetry/trace_types.py.

Texts are under ``lk.pii.`` since 1.8, before under ``lk.``.
"""

from __future__ import annotations

from ingest.conventions.convention import Convention

_TEXTS = (
    ("user_transcript", "input"),
    ("user_input", "input"),
    ("chat_ctx", "input_messages"),
    ("input_text", "input"),
    ("instructions", "system_instructions"),
    ("response.text", "output"),
    ("function_tool.arguments", "tool_arguments"),
    ("function_tool.output", "tool_result"),
)

CONVENTION = Convention(
    name="livekit",
    evidence=("lk.*",),
    columns=(
        *((f"lk.pii.{name}", column) for name, column in _TEXTS),
        *((f"lk.{name}", column) for name, column in _TEXTS),
        ("lk.function_tool.name", "tool_name"),
        ("lk.function_tools", "tool_definitions"),
        ("lk.agent_label", "agent_name"),
        ("lk.agent_name", "agent_name"),
        ("lk.response.ttft", "time_to_first_token"),
        ("lk.function_tool.is_error", "failed"),
    ),
    understood=(
        "lk.pii.room_name",
        "lk.job_id",
        "lk.transcript_confidence",
        "lk.participant_id",
        "lk.generation_id",
        "lk.speech_id",
        "lk.function_tool.id",
        "lk.room_name",
    ),
)

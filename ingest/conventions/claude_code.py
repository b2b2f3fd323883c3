"""Claude Code and the Claude Agent SDK. Source: code.claude.com/docs, "Monitoring usage"; captured
from 2.1.197 with OTEL_LOG_USER_PROMPTS, OTEL_LOG_TOOL_DETAILS and OTEL_LOG_TOOL_CONTENT.

Spans say what they are in ``span.type``; cached tokens are counted beside ``input_tokens``.
"""

from __future__ import annotations

from ingest.attributes import dumps
from ingest.conventions.convention import Attributes, Convention, Draft

#: What a tool was given, where the span says it: attribute to the tool's own name of the argument.
_ARGUMENTS = (("full_command", "command"), ("file_path", "file_path"), ("skill_name", "skill"))


def content(attributes: Attributes, draft: Draft) -> None:
    """A tool's arguments are single attributes; a failure is one, too."""
    if attributes.get("success") is False:
        draft.set("failed", True)
    if attributes.get("span.type") != "tool":
        return
    given = {key: attributes[name] for name, key in _ARGUMENTS if attributes.get(name)}
    if given:
        draft.set("tool_arguments", dumps(given))


CONVENTION = Convention(
    name="claude_code",
    evidence=("llm_request.context", "interaction.sequence", "user_prompt_length", "tool_use_id"),
    columns=(
        ("user_prompt", "input"),
        ("tool_name", "tool_name"),
        ("tool_input", "tool_arguments"),
        ("model", "model"),
        ("input_tokens", "input_tokens"),
        ("output_tokens", "output_tokens"),
        ("cache_read_tokens", "cached_input_tokens"),
        ("cache_creation_tokens", "cache_write_tokens"),
        ("ttft_ms", "time_to_first_token_ms"),
        ("stop_reason", "finish_reason"),
    ),
    kinds={
        "span.type": {
            "llm_request": "llm",
            "tool": "tool",
            "interaction": "agent",
            "tool.execution": "other",
            "tool.blocked_on_user": "other",
            "hook": "other",
        }
    },
    content=content,
)

"""OpenAI Agents. Its three instrumentations speak OpenTelemetry GenAI, Traceloop or OpenInference.

Source: opentelemetry-instrumentation-openai-agents-v2, span_processor. That one writes a call of a
tool as the ``repr`` of the SDK's object into a text part; here it becomes a call again.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from ingest.attributes import loads

MARK = "ResponseFunctionToolCall("
#: ``ResponseFunctionToolCall(arguments='{"a":1}', call_id='c1', name='n', …)``
_LITERAL = r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_FIELDS = {key: re.compile(rf"\b{key}={_LITERAL}") for key in ("arguments", "call_id", "name")}


def with_calls(messages: Any) -> Any:
    """The messages (JSON text or data) with such texts as parts of type tool_call."""
    data = loads(messages) if isinstance(messages, str) else messages
    if not isinstance(data, list):
        return messages
    return [
        {**message, "parts": [_part(part) for part in message["parts"]]}
        if isinstance(message, dict) and isinstance(message.get("parts"), list)
        else message
        for message in data
    ]


def _part(part: Any) -> Any:
    text = part.get("content") if isinstance(part, dict) else None
    if not isinstance(text, str) or not text.startswith(MARK):
        return part
    found = {key: pattern.search(text) for key, pattern in _FIELDS.items()}
    if found["name"] is None:
        return part
    try:
        said = {key: ast.literal_eval(match[1]) for key, match in found.items() if match}
    except (ValueError, SyntaxError):
        return part
    given = said.get("arguments", "")
    return {
        "type": "tool_call",
        "id": said.get("call_id"),
        "name": said["name"],
        "arguments": loads(given) or given,
    }

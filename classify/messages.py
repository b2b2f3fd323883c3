"""Reads ``input_messages``, ``output_messages`` and what else holds messages.

Rows hold the message form of the OpenTelemetry GenAI conventions (role and parts: text, tool_call,
tool_call_response). The forms of the OpenAI, Anthropic and Vercel interfaces are read as well,
because hand-written spans carry them. Anything else is skipped: nothing here raises.
See: github.com/open-telemetry/semantic-conventions-genai, gen-ai-input-messages.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

_CALL_TYPES = frozenset(("tool_call", "tool_use", "tool-call", "function_call", "server_tool_use"))
_RESULT_TYPES = frozenset(
    ("tool_call_response", "tool_result", "tool-result", "function_call_output")
)


@dataclass(slots=True, frozen=True)
class ToolCall:
    """A call that the model asked for. ``arguments``: as recorded, text or already decoded."""

    id: str
    name: str
    arguments: Any


def decode(text: str) -> Any:
    """The JSON value, None where the text isn't JSON (or is null)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        # Python writes NaN and lone surrogates, which orjson refuses.
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def encode(value: Any) -> str:
    """Compact JSON with sorted keys; text as it is."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except (TypeError, ValueError):
        pass
    try:
        return repr(value)
    except RecursionError:
        return "…"


def messages(text: str) -> list[dict[str, Any]]:
    """The messages in a JSON array (or of an object's 'messages'), [] where there are none."""
    if not text or text[:1] not in "[{ \n":
        return []
    value = decode(text)
    if isinstance(value, dict):
        value = value.get("messages")
    if not isinstance(value, list):
        return []
    return [message for message in value if isinstance(message, dict)]


def role(message: dict[str, Any]) -> str:
    """system, user, assistant or tool; LangChain's names for them are translated. '' unknown."""
    found = message.get("role") or message.get("type") or ""
    if not isinstance(found, str):
        return ""
    return {
        "human": "user",
        "ai": "assistant",
        "AIMessageChunk": "assistant",
        "model": "assistant",
        "developer": "system",
        "function": "tool",
    }.get(found, found)


def _parts(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("parts", "content"):
        value = message.get(key)
        if isinstance(value, str):
            yield {"type": "text", "text": value}
        elif isinstance(value, list):
            for part in value:
                if isinstance(part, dict):
                    yield part
                elif isinstance(part, str):
                    yield {"type": "text", "text": part}


def texts(message: dict[str, Any]) -> Iterator[str]:
    """The texts of a message, without tool calls, their results and reasoning."""
    for part in _parts(message):
        kind = part.get("type", "text")
        if kind in ("text", "input_text", "output_text"):
            text = part.get("content") or part.get("text")
            if isinstance(text, str) and text:
                yield text


def tool_calls(message: dict[str, Any]) -> Iterator[ToolCall]:
    """The calls in an assistant's message."""
    for part in _parts(message):
        if part.get("type") in _CALL_TYPES:
            yield _call(part)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield _call(call)


def _call(call: dict[str, Any]) -> ToolCall:
    function = call.get("function")
    holder = function if isinstance(function, dict) else call
    arguments: Any = None
    for key in ("arguments", "args", "input"):
        if key in holder:
            arguments = holder[key]
            break
    name = holder.get("name") or holder.get("toolName") or ""
    call_id = call.get("id") or call.get("call_id") or call.get("toolCallId") or ""
    return ToolCall(str(call_id), str(name), arguments)


def tool_results(message: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Call id and result, for each tool result in a message."""
    if role(message) == "tool" and "tool_call_id" in message:
        yield str(message["tool_call_id"]), message.get("content")
        return
    for part in _parts(message):
        if part.get("type") in _RESULT_TYPES:
            call_id = part.get("id") or part.get("tool_use_id") or part.get("call_id")
            call_id = call_id or part.get("toolCallId")
            for key in ("response", "result", "content", "output"):
                if key in part:
                    yield str(call_id or ""), part[key]
                    break

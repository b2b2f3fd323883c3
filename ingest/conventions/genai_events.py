"""Content that comes as events of OpenTelemetry GenAI, on a span or as log records.

Source: open-telemetry/semantic-conventions v1.27 to v1.36 (one event a message:
``gen_ai.user.message``, ``gen_ai.choice``; before that ``gen_ai.content.prompt``) and
open-telemetry/semantic-conventions-genai (``gen_ai.client.inference.operation.details``: the
attributes of the span, in an event).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ingest.attributes import dumps, loads
from ingest.conventions.convention import Attributes, Draft
from ingest.conventions.genai import CONTENT_COLUMNS
from ingest.conventions.messages import Message, from_text, messages_of

OPERATION_DETAILS = "gen_ai.client.inference.operation.details"
_MESSAGES = {
    "gen_ai.system.message",
    "gen_ai.user.message",
    "gen_ai.assistant.message",
    "gen_ai.tool.message",
}
#: Event names whose content lands in a span's columns. Others (gen_ai.evaluation.result) stay
#: events.
CONTENT_EVENTS = frozenset(
    {*_MESSAGES, "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"}
    | {OPERATION_DETAILS, "claude_code.user_prompt", "claude_code.assistant_response"}
)

#: (nanoseconds since 1970, event name, attributes and body in one dict)
Event = tuple[int, str, Attributes]


def apply_events(events: Iterable[Event], draft: Draft) -> bool:
    """Fill the draft's content columns from events, in the order of their time.

    Whether anything was understood. Columns that the span's attributes filled already stay.
    """
    inputs: list[Message] = []
    outputs: list[Message] = []
    understood = False
    for _, name, attributes in sorted(events, key=lambda event: event[0]):
        if name == OPERATION_DETAILS:
            for attribute, column in CONTENT_COLUMNS:
                draft.set(column, attributes.get(attribute))
            understood = True
        elif name in _MESSAGES:
            inputs += _message(name, attributes)
        elif name == "gen_ai.choice":
            outputs += _message(name, attributes)
        elif name == "gen_ai.content.prompt":
            prompt = attributes.get("gen_ai.prompt")
            inputs += messages_of(prompt) or from_text(str(prompt or ""), "user")
        elif name == "gen_ai.content.completion":
            answer = attributes.get("gen_ai.completion")
            outputs += messages_of(answer, "assistant") or from_text(str(answer or ""), "assistant")
        elif name == "claude_code.user_prompt":
            inputs += from_text(str(attributes.get("prompt") or ""), "user")
        elif name == "claude_code.assistant_response":
            outputs += from_text(str(attributes.get("response") or ""), "assistant")
    draft.set("input_messages", inputs)
    draft.set("output_messages", outputs)
    return understood or bool(inputs or outputs)


def _message(name: str, attributes: Attributes) -> list[Message]:
    body: Any = attributes.get("gen_ai.event.content", attributes.get("body"))
    if isinstance(body, str):
        body = loads(body) or {"content": body}
    item = {**attributes, **body} if isinstance(body, dict) else dict(attributes)
    inner = item.get("message")
    if isinstance(inner, str):
        parsed = loads(inner)
        inner = item["message"] = parsed if isinstance(parsed, dict) else {"content": inner}
        if isinstance(parsed, list):
            inner = item["message"] = {"content": parsed}
    if isinstance(inner, dict):
        # OpenLLMetry puts the calls beside the message.
        beside = {key: item[key] for key in ("finish_reason", "tool_calls") if key in item}
        item = {**beside, **inner}
    content = item.get("content")
    if isinstance(content, str) and content[:1] in ("[", "{"):
        parsed = loads(content)
        if isinstance(parsed, list) and all(isinstance(part, dict) for part in parsed):
            item["content"] = parsed
    elif isinstance(content, dict) and isinstance(content.get("parts"), list):  # Gemini
        item = {**item, "content": content["parts"], "role": content.get("role")}
    elif isinstance(content, dict):
        item["content"] = dumps(content)
    for key in ("tool_calls", "toolCalls"):
        if isinstance(item.get(key), str):
            item[key] = loads(item[key])
    item["event.name"] = name
    if name == "gen_ai.tool.message":
        item["role"] = "tool"
    if not any(key in item for key in ("content", "parts", "tool_calls", "toolCalls")):
        return []  # sent without content: the sender was told not to record it
    item.setdefault("role", None)
    item.setdefault("content", None)
    return messages_of([item], "assistant" if name == "gen_ai.choice" else "user")

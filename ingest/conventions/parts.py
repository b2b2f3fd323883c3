"""Parts of a chat message in any shape, in the form of OpenTelemetry GenAI (see messages)."""

from __future__ import annotations

from typing import Any

from ingest.attributes import dumps, loads, text_of

Part = dict[str, Any]

TEXT_PARTS = {"text", "input_text", "output_text", "summary_text", "refusal", "text-delta"}
REASONING_PARTS = {"reasoning", "thinking", "redacted_thinking", "reasoning_text"}
CALL_PARTS = {"tool_call", "tool-call", "tool_use", "function_call", "toolcall", "server_tool_use"}
ANSWER_PARTS = {
    "tool_call_response",
    "tool-result",
    "tool_result",
    "function_call_output",
    "tool-return",
    "retry-prompt",
}
FOREIGN_PARTS = (TEXT_PARTS | REASONING_PARTS | CALL_PARTS | ANSWER_PARTS) - {
    "text",
    "reasoning",
    "tool_call",
    "tool_call_response",
}


def answer(content: Any) -> Any:
    """A tool's answer: text parts joined, JSON kept as JSON."""
    if isinstance(content, list):
        texts = [part_text(part_of(part)) for part in content if isinstance(part, dict | str)]
        if texts and all(texts):
            return "\n".join(texts)
    return content


def parts_of(content: Any, kind: str = "text") -> list[Part]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        # Several instrumentations send a list of content parts as JSON text.
        if content[:2] in ("[{", "[ ") and content[-1:] == "]":
            parsed = loads(content)
            if isinstance(parsed, list) and all(_looks_like_part(item) for item in parsed):
                return [part_of(item) for item in parsed]
        return [{"type": kind, "content": content}]
    if isinstance(content, dict):
        return [part_of(content)]
    if isinstance(content, list):
        return [
            {"type": kind, "content": item} if isinstance(item, str) else part_of(item, kind)
            for item in content
            if item not in (None, "")
        ]
    return [{"type": kind, "content": text_of(content)}]


def text_in(item: dict[str, Any], *keys: str) -> str:
    """The first of the values that is a text, '' for none."""
    return next((value for key in keys if isinstance(value := item.get(key), str) and value), "")


def _looks_like_part(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("type"), str)


def _first(item: dict[str, Any], *keys: str) -> Any:
    for key in keys:
        value = item.get(key)
        if value is not None:
            return value
    return None


def data_of(value: Any) -> Any:
    """Arguments as JSON data where the text is JSON, so that nobody has to parse them twice."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        parsed = loads(value)
        return value if parsed is None else parsed
    return value


def part_of(item: Any, default: str = "text") -> Part:
    """One content part."""
    if not isinstance(item, dict):
        return {"type": default, "content": text_of(item)}
    kind = text_in(item, "type", "part_kind", "block_type")
    if kind in CALL_PARTS:
        function = item.get("function")
        inner = function if isinstance(function, dict) else item
        return {
            "type": "tool_call",
            "id": _first(item, "id", "call_id", "toolCallId", "tool_call_id"),
            "name": _first(inner, "name", "toolName", "tool_name") or "",
            "arguments": data_of(_first(inner, "arguments", "input", "args", "parameters")),
        }
    if kind in ANSWER_PARTS:
        response = _first(item, "response", "output", "result", "content")
        if isinstance(response, dict) and response.keys() == {"type", "value"}:  # Vercel AI SDK
            response = response["value"]
        part = {
            "type": "tool_call_response",
            "id": _first(item, "id", "call_id", "tool_use_id", "toolCallId", "tool_call_id"),
            "response": answer(response),
        }
        name = _first(item, "name", "toolName", "tool_name")
        return {**part, "name": name} if name else part
    if kind in TEXT_PARTS or kind in {"user-prompt", "system-prompt"}:
        text = _first(item, "content", "text", "refusal")
        return {"type": "text", "content": text if isinstance(text, str) else text_of(answer(text))}
    if kind in REASONING_PARTS:
        text = _first(item, "content", "thinking", "text", "reasoning", "data", "summary")
        return {"type": "reasoning", "content": text_of(text)}
    if not kind or kind == "part":
        return _untyped(item, default)
    return item if "type" in item else {"type": kind, **item}


def _untyped(item: dict[str, Any], default: str) -> Part:
    """Gemini and Bedrock name the kind of a part by its only key."""
    if isinstance(item.get("text"), str):
        return {"type": "reasoning" if item.get("thought") else default, "content": item["text"]}
    for key in ("function_call", "functionCall", "toolUse"):
        call = item.get(key)
        if isinstance(call, dict):
            return part_of(
                {**call, "type": "tool_call", "id": _first(call, "id", "toolUseId")}, default
            )
    for key in ("function_response", "functionResponse", "toolResult"):
        answer = item.get(key)
        if isinstance(answer, dict):
            call_id = _first(answer, "id", "toolUseId")
            return part_of({**answer, "type": "tool_result", "id": call_id}, default)
    if isinstance(item.get("content"), str):
        return {"type": default, "content": item["content"]}
    return {"type": default, "content": dumps(item)}


def part_text(part: Part) -> str:
    """Readable text of a part, '' for calls, reasoning, images and the like."""
    content = part.get("content")
    return content if part.get("type") == "text" and isinstance(content, str) else ""

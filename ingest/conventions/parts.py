"""Parts of a chat message in any shape, in the form of OpenTelemetry GenAI (see messages)."""

from __future__ import annotations

import re
from typing import Any

from ingest.attributes import dumps, loads, text_of

Part = dict[str, Any]

#: What a part's type says, in small letters.
TEXT_PARTS = {"text", "input_text", "output_text", "summary_text", "refusal", "text-delta"}
REASONING_PARTS = {"reasoning", "thinking", "redacted_thinking", "reasoning_text"}
CALL_PARTS = {
    "tool_call",
    "tool-call",
    "tool_use",
    "tooluse",
    "function_call",
    "functioncall",
    "toolcall",
    "toolrequest",
    "tool_request",
    "server_tool_use",
    "mcp_tool_use",
}
ANSWER_PARTS = {
    "tool_call_response",
    "tool-result",
    "tool_result",
    "toolresult",
    "toolresponse",
    "tool_response",
    "function_response",
    "functionresponse",
    "function_call_output",
    "tool-return",
    "retry-prompt",
    "mcp_tool_result",
}
#: Keys that say of a part without a type what it is: Gemini, Bedrock, Genkit, Haystack, Go.
CALL_KEYS = ("function_call", "functionCall", "toolUse", "tool_use", "toolRequest", "tool_call")
ANSWER_KEYS = (
    "function_response",
    "functionResponse",
    "toolResult",
    "tool_result",
    "toolResponse",
    "tool_call_result",
    "tool_call_response",
    "tool_response",
)
IDS = ("id", "call_id", "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "ref")
NAMES = ("name", "toolName", "tool_name")
ARGUMENTS = ("arguments", "input", "args", "parameters", "toolInput")
RESPONSES = ("response", "output", "result", "content")
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
    for key in keys:
        value = item.get(key)
        if value and isinstance(value, str):
            return value
    return ""


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
    item = in_small_letters(item)
    kind = text_in(item, "type", "part_kind", "block_type").lower()
    if kind in CALL_PARTS:
        return _call(_without_wrapper(item, CALL_KEYS))
    if kind in ANSWER_PARTS:
        item = _without_wrapper(item, ANSWER_KEYS)
        response = _first(item, *RESPONSES)
        if isinstance(response, dict) and response.keys() == {"type", "value"}:  # Vercel AI SDK
            response = response["value"]
        part = {
            "type": "tool_call_response",
            "id": _first(item, *IDS),
            "response": answer(response),
        }
        name = _first(item, *NAMES)
        return {**part, "name": name} if name else part
    if kind in TEXT_PARTS or kind in {"user-prompt", "system-prompt"}:
        text = _first(item, "content", "text", "refusal")
        return {"type": "text", "content": text if isinstance(text, str) else text_of(answer(text))}
    if kind in REASONING_PARTS:
        text = _first(item, "content", "thinking", "text", "reasoning", "data", "summary")
        return {"type": "reasoning", "content": text_of(text)}
    if not kind or kind == "part" or (kind == "function" and _inner(item, *CALL_KEYS)):
        return _untyped(item, default)
    return item if "type" in item else {"type": kind, **item}


def _without_wrapper(item: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """``{"type": "tool_call", "tool_call": {…}}`` in one: langchaingo."""
    inner = _inner(item, *keys)
    return item if inner is None else {**item, **inner}


def _call(item: dict[str, Any]) -> Part:
    """A call of a tool: ``{"name", "arguments"}``, also within ``function``."""
    function = item.get("function")
    inner = in_small_letters(function) if isinstance(function, dict) else item
    return {
        "type": "tool_call",
        "id": _first(item, *IDS),
        "name": _first(inner, *NAMES) or "",
        "arguments": data_of(_first(inner, *ARGUMENTS)),
    }


def _untyped(item: dict[str, Any], default: str) -> Part:
    """Gemini, Bedrock, Genkit and Go name the kind of a part by a key of it."""
    if isinstance(item.get("text"), str):
        return {"type": "reasoning" if item.get("thought") else default, "content": item["text"]}
    call = _inner(item, *CALL_KEYS)
    if call is not None:
        return _call({**call, "id": _first(call, *IDS) or _first(item, *IDS)})
    found = _inner(item, *ANSWER_KEYS)
    if found is not None:
        origin = found.get("origin")  # Haystack: the call that is answered
        origin = origin if isinstance(origin, dict) else {}
        given = {"type": "tool_result", "name": origin.get("tool_name"), **found}
        return part_of({**given, "id": _first(found, *IDS) or _first(origin, *IDS)}, default)
    if isinstance(item.get("content"), str):
        name = _first(item, "tool_call_id", "toolCallId")
        if name:
            return part_of({**item, "type": "tool_result"}, default)
        return {"type": default, "content": item["content"]}
    reasoning = item.get("reasoningContent") or item.get("reasoning")
    if reasoning:
        inner = reasoning.get("reasoningText", reasoning) if isinstance(reasoning, dict) else None
        text = inner.get("text") if isinstance(inner, dict) else reasoning
        return {"type": "reasoning", "content": text_of(text)}
    if item.keys() == {"json"}:  # Bedrock
        return {"type": default, "content": dumps(item["json"])}
    return {"type": default, "content": dumps(item)}


def _inner(item: dict[str, Any], *keys: str) -> dict[str, Any] | None:
    """The first of the values that is a dict with something in it."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, dict) and value:
            return in_small_letters(value)
    return None


#: Names of Go's fields, as a struct without tags becomes JSON.
_GO_NAMES = frozenset(
    "Role Content Parts Text FunctionCall ToolCalls ToolCallID Name Arguments ID Type Function"
    " Reasoning".split()
)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def in_small_letters(item: dict[str, Any]) -> dict[str, Any]:
    """``{"ToolCallID": …}`` as ``{"tool_call_id": …}``; any other dict as it is."""
    if _GO_NAMES.isdisjoint(item):
        return item
    return {
        _WORDS.sub("_", key).lower() if key[:1].isupper() else key: value
        for key, value in item.items()
    }


def part_text(part: Part) -> str:
    """Readable text of a part, '' for calls, reasoning, images and the like."""
    content = part.get("content")
    return content if part.get("type") == "text" and isinstance(content, str) else ""

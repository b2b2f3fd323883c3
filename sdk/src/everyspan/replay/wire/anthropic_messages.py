"""Anthropic messages. See https://docs.anthropic.com/en/api/messages"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from everyspan.replay.record import Step
from everyspan.replay.wire import openai_chat, sse
from everyspan.replay.wire.spoken import (
    Atom,
    Spoken,
    call,
    parameters_of,
    result,
    said,
    text,
    tools_of,
)
from everyspan.replay.wire.spoken import spoken as _spoken

NAME = "messages"
PATH = "/messages"
#: The API has no default for it.
_MAX_TOKENS = 1024


def spoken(body: dict[str, Any]) -> Spoken:
    """What the request says."""
    atoms: list[Atom] = []
    for message in body.get("messages") or []:
        role, content = str(message.get("role", "")), message.get("content")
        if isinstance(content, str):
            atoms.append(text(role, content))
            continue
        for block in content or []:
            kind = block.get("type")
            if kind == "text":
                atoms.append(text(role, str(block.get("text", ""))))
            elif kind == "tool_use":
                atoms.append(call(str(block.get("name", "")), block.get("input")))
            elif kind == "tool_result":
                atoms.append(result(_text(block.get("content"))))
    return _spoken([_text(body.get("system"))], atoms, str(body.get("model", "")))


def answer(step: Step, body: dict[str, Any]) -> dict[str, Any]:
    """The recorded answer as a message."""
    content: list[dict[str, Any]] = []
    reason = "end_turn"
    for one in said(step)[:1]:
        if one.text:
            content.append({"type": "text", "text": one.text, "citations": None})
        content += [
            {"type": "tool_use", "id": made.id, "name": made.name, "input": _loads(made.arguments)}
            for made in one.calls
        ]
        reason = "tool_use" if one.calls else {"length": "max_tokens"}.get(one.finish, "end_turn")
    return {
        "id": step.attributes.get("gen_ai.response.id") or f"msg_{step.span_id}",
        "type": "message",
        "role": "assistant",
        "model": step.model or body.get("model", ""),
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": step.input_tokens or 0, "output_tokens": step.output_tokens or 0},
    }


def events(answer: dict[str, Any], body: dict[str, Any]) -> Iterator[bytes]:
    """The message as its stream of events."""

    def event(kind: str, **held: Any) -> bytes:
        return sse.event({"type": kind, **held}, kind)

    begun = {**answer, "content": [], "stop_reason": None}
    begun["usage"] = {**answer["usage"], "output_tokens": 0}
    yield event("message_start", message=begun)
    for index, block in enumerate(answer["content"]):
        if block["type"] == "text":
            yield event("content_block_start", index=index, content_block={**block, "text": ""})
            for piece in sse.pieces(block["text"]):
                delta = {"type": "text_delta", "text": piece}
                yield event("content_block_delta", index=index, delta=delta)
        else:
            yield event("content_block_start", index=index, content_block={**block, "input": {}})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    stop = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": answer["usage"]["output_tokens"]}
    yield event("message_delta", delta=stop, usage=usage)
    yield event("message_stop")


def joined(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The message that the events add up to."""
    whole: dict[str, Any] = {"content": []}
    partial: dict[int, str] = {}
    for event in events:
        kind = event.get("type")
        if kind == "message_start":
            whole = {**event["message"], "content": []}
        elif kind == "content_block_start":
            whole["content"].append(dict(event["content_block"]))
        elif kind == "content_block_delta":
            block, delta = whole["content"][event["index"]], event["delta"]
            if delta.get("type") == "text_delta":
                block["text"] = block.get("text", "") + delta["text"]
            elif delta.get("type") == "input_json_delta":
                index = event["index"]
                partial[index] = partial.get(index, "") + delta["partial_json"]
                block["input"] = _loads(partial[index])
        elif kind == "message_delta":
            whole |= {k: v for k, v in (event.get("delta") or {}).items() if v is not None}
            whole["usage"] = {**(whole.get("usage") or {}), **(event.get("usage") or {})}
    return whole


def usage(answer: dict[str, Any]) -> tuple[int, int]:
    found = answer.get("usage") or {}
    cached = (found.get("cache_read_input_tokens") or 0) + (
        found.get("cache_creation_input_tokens") or 0
    )
    return int(found.get("input_tokens") or 0) + cached, int(found.get("output_tokens") or 0)


def request(step: Step) -> dict[str, Any]:
    """The recorded call as a request."""
    system: list[str] = []
    messages: list[dict[str, Any]] = []
    for message in openai_chat.request(step)["messages"]:
        role = message["role"]
        if role in ("system", "developer"):
            system.append(message["content"])
            continue
        blocks: list[dict[str, Any]] = []
        if role == "tool":
            role = "user"
            blocks.append(
                {
                    "type": "tool_result",
                    "tool_use_id": message["tool_call_id"],
                    "content": message["content"],
                }
            )
        elif message["content"]:
            blocks.append({"type": "text", "text": message["content"]})
        for made in message.get("tool_calls") or []:
            function = made["function"]
            blocks.append(
                {
                    "type": "tool_use",
                    "id": made["id"],
                    "name": function["name"],
                    "input": _loads(function["arguments"]),
                }
            )
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    parameters = parameters_of(step)
    body: dict[str, Any] = {
        "model": step.model,
        "max_tokens": parameters.get("max_tokens") or _MAX_TOKENS,
        "messages": messages,
        **{k: parameters[k] for k in ("temperature", "top_p", "top_k") if k in parameters},
    }
    if "stop" in parameters:
        body["stop_sequences"] = parameters["stop"]
    if system:
        body["system"] = "\n".join(system)
    if tools := tools_of(step):
        body["tools"] = [
            {
                "name": tool["name"],
                "description": tool.get("description") or "",
                "input_schema": tool.get("parameters") or {"type": "object"},
            }
            for tool in tools
        ]
    return body


def heard(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What the message says, as messages of the GenAI conventions."""
    parts: list[dict[str, Any]] = []
    for block in answer.get("content") or []:
        if block.get("type") == "text":
            parts.append({"type": "text", "content": block.get("text", "")})
        elif block.get("type") == "tool_use":
            parts.append(
                {
                    "type": "tool_call",
                    "id": block.get("id"),
                    "name": block.get("name"),
                    "arguments": block.get("input"),
                }
            )
    reason = {"tool_use": "tool_call", "max_tokens": "length"}.get(
        str(answer.get("stop_reason")), "stop"
    )
    return [{"role": "assistant", "parts": parts, "finish_reason": reason}]


def with_prompt(body: dict[str, Any], prompt: str) -> dict[str, Any]:
    """The request with other system instructions."""
    return {**body, "system": prompt}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(b.get("text", "")) for b in content if b.get("type") == "text")
    return content if isinstance(content, str) else ""


def _loads(text_: str) -> Any:
    try:
        return json.loads(text_)
    except ValueError:
        return {}

"""OpenAI chat completions. See https://platform.openai.com/docs/api-reference/chat"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from everyspan.replay.record import Step
from everyspan.replay.wire import sse
from everyspan.replay.wire.spoken import (
    Atom,
    Said,
    Spoken,
    call,
    parameters_of,
    result,
    said,
    text,
    tools_of,
)
from everyspan.replay.wire.spoken import (
    spoken as _spoken,
)

NAME = "chat"
PATH = "/chat/completions"
_SYSTEM = ("system", "developer")


def spoken(body: dict[str, Any]) -> Spoken:
    """What the request says."""
    system: list[str] = []
    atoms: list[Atom] = []
    for message in body.get("messages") or []:
        role, content = str(message.get("role", "")), _text(message.get("content"))
        if role in _SYSTEM:
            system.append(content)
        elif role in ("tool", "function"):
            atoms.append(result(content))
        else:
            atoms.append(text(role, content))
            for made in message.get("tool_calls") or []:
                function = made.get("function") or {}
                atoms.append(call(str(function.get("name", "")), function.get("arguments")))
    return _spoken(system, atoms, str(body.get("model", "")))


def answer(step: Step, body: dict[str, Any]) -> dict[str, Any]:
    """The recorded answer as a completion."""
    return {
        "id": step.attributes.get("gen_ai.response.id") or f"chatcmpl-{step.span_id}",
        "object": "chat.completion",
        "created": step.start // 10**9,
        "model": step.model or body.get("model", ""),
        "choices": [
            {
                "index": index,
                "message": _message(one),
                "logprobs": None,
                "finish_reason": _finish(one),
            }
            for index, one in enumerate(said(step))
        ],
        "usage": {
            "prompt_tokens": step.input_tokens or 0,
            "completion_tokens": step.output_tokens or 0,
            "total_tokens": step.tokens,
        },
    }


def events(answer: dict[str, Any], body: dict[str, Any]) -> Iterator[bytes]:
    """The completion as chunks."""
    head = {k: answer[k] for k in ("id", "created", "model")} | {"object": "chat.completion.chunk"}

    def chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse.event({**head, "choices": [choice]})

    for choice in answer["choices"]:
        index, message = choice["index"], choice["message"]
        yield chunk(index, {"role": "assistant", "content": "" if message["content"] else None})
        for piece in sse.pieces(message["content"] or ""):
            yield chunk(index, {"content": piece})
        for number, made in enumerate(message.get("tool_calls") or []):
            function = made["function"]
            opened = {**made, "index": number, "function": {**function, "arguments": ""}}
            yield chunk(index, {"tool_calls": [opened]})
            held = {"index": number, "function": {"arguments": function["arguments"]}}
            yield chunk(index, {"tool_calls": [held]})
        yield chunk(index, {}, choice["finish_reason"])
    if (body.get("stream_options") or {}).get("include_usage"):
        yield sse.event({**head, "choices": [], "usage": answer["usage"]})
    yield b"data: [DONE]\n\n"


def joined(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The completion that chunks add up to."""
    whole: dict[str, Any] = {"choices": []}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in events:
        whole |= {k: v for k, v in chunk.items() if k in ("id", "model", "usage") and v}
        for part in chunk.get("choices") or []:
            empty = {"message": {"role": "assistant", "content": None}, "finish_reason": None}
            choice = choices.setdefault(part["index"], {"index": part["index"], **empty})
            delta, message = part.get("delta") or {}, choice["message"]
            if delta.get("content"):
                message["content"] = (message["content"] or "") + delta["content"]
            for piece in delta.get("tool_calls") or []:
                calls = message.setdefault("tool_calls", [])
                while len(calls) <= piece["index"]:
                    calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
                made, function = calls[piece["index"]], piece.get("function") or {}
                made["id"] = piece.get("id") or made.get("id", "")
                made["function"]["name"] += function.get("name") or ""
                made["function"]["arguments"] += function.get("arguments") or ""
            choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def usage(answer: dict[str, Any]) -> tuple[int, int]:
    found = answer.get("usage") or {}
    return int(found.get("prompt_tokens") or 0), int(found.get("completion_tokens") or 0)


def request(step: Step) -> dict[str, Any]:
    """The recorded call as a request."""
    messages: list[dict[str, Any]] = []
    recorded = step.messages("input")
    if step.system_instructions and not any(m.get("role") in _SYSTEM for m in recorded):
        messages.append({"role": "system", "content": step.system_instructions})
    for message in recorded:
        messages += _request_messages(message)
    body: dict[str, Any] = {"model": step.model, "messages": messages, **parameters_of(step)}
    body.pop("top_k", None)
    if tools := tools_of(step):
        body["tools"] = [{"type": "function", "function": _function(tool)} for tool in tools]
    return body


def heard(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What the completion says, as messages of the GenAI conventions."""
    found = []
    for choice in answer.get("choices") or []:
        message, parts = choice.get("message") or {}, []
        if message.get("content"):
            parts.append({"type": "text", "content": message["content"]})
        for made in message.get("tool_calls") or []:
            function = made.get("function") or {}
            parts.append(
                {
                    "type": "tool_call",
                    "id": made.get("id"),
                    "name": function.get("name"),
                    "arguments": _loads(function.get("arguments")),
                }
            )
        reason = choice.get("finish_reason") or ""
        found.append({"role": "assistant", "parts": parts, "finish_reason": reason})
    return found


def with_prompt(body: dict[str, Any], prompt: str) -> dict[str, Any]:
    """The request with other system instructions."""
    rest = [m for m in body.get("messages") or [] if m.get("role") not in _SYSTEM]
    return {**body, "messages": [{"role": "system", "content": prompt}, *rest]}


def _message(one: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": one.text or None, "refusal": None}
    if one.calls:
        message["tool_calls"] = [
            {
                "id": made.id,
                "type": "function",
                "function": {"name": made.name, "arguments": made.arguments},
            }
            for made in one.calls
        ]
    return message


def _finish(one: Said) -> str:
    if one.calls:
        return "tool_calls"
    return one.finish if one.finish in ("length", "content_filter") else "stop"


def _request_messages(message: dict[str, Any]) -> list[dict[str, Any]]:
    role = message.get("role")
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for part in message.get("parts") or []:
        kind = part.get("type")
        if kind == "tool_call":
            arguments = part.get("arguments")
            held = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
            function = {"name": part.get("name"), "arguments": held}
            calls.append({"id": part.get("id") or "", "type": "function", "function": function})
        elif kind == "tool_call_response":
            held = part.get("response", part.get("result", part.get("content")))
            shown = held if isinstance(held, str) else json.dumps(held, ensure_ascii=False)
            results.append({"role": "tool", "tool_call_id": part.get("id") or "", "content": shown})
        elif isinstance(part.get("content"), str):
            texts.append(part["content"])
    made: list[dict[str, Any]] = []
    if texts or calls:
        one: dict[str, Any] = {"role": role, "content": "\n".join(texts) or None}
        made.append({**one, "tool_calls": calls} if calls else one)
    return made + results


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    return {k: tool[k] for k in ("name", "description", "parameters") if tool.get(k) is not None}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(p.get("text", "")) for p in content if p.get("type") == "text")
    return content if isinstance(content, str) else ""


def _loads(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text

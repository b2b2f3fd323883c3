"""OpenAI responses. See https://platform.openai.com/docs/api-reference/responses"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from everyspan.replay.record import Step, Trace
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

NAME = "responses"
PATH = "/responses"
_SYSTEM = ("system", "developer")
#: In the ids that a recorded answer gets here.
_OURS = "everyspan"


def spoken(body: dict[str, Any]) -> Spoken:
    """What the request says. What `previous_response_id` stands for is not in it."""
    system = [body["instructions"]] if isinstance(body.get("instructions"), str) else []
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    atoms: list[Atom] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call":
            atoms.append(call(str(item.get("name", "")), item.get("arguments")))
        elif kind == "custom_tool_call":
            atoms.append(call(str(item.get("name", "")), item.get("input")))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            atoms.append(result(_text(item.get("output"))))
        elif kind == "message":
            role, said_text = str(item.get("role", "")), _text(item.get("content"))
            if role in _SYSTEM:
                system.append(said_text)
            else:
                atoms.append(text(role, said_text))
    return _spoken(system, atoms, str(body.get("model", "")))


def answer(step: Step, body: dict[str, Any]) -> dict[str, Any]:
    """The recorded answer as a response object."""
    output: list[dict[str, Any]] = []
    for one in said(step)[:1]:
        if one.text:
            part = {"type": "output_text", "text": one.text, "annotations": [], "logprobs": []}
            output.append(
                {
                    "id": f"msg_{_OURS}{step.span_id}",
                    "type": "message",
                    "status": "completed",
                    "role": "assistant",
                    "content": [part],
                }
            )
        output += [
            {
                "id": f"fc_{_OURS}{step.span_id}{number}",
                "type": "function_call",
                "status": "completed",
                "call_id": made.id,
                "name": made.name,
                "arguments": made.arguments,
            }
            for number, made in enumerate(one.calls)
        ]
    return {
        "id": step.attributes.get("gen_ai.response.id") or f"resp_{_OURS}{step.span_id}",
        "object": "response",
        "created_at": step.start // 10**9,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "model": step.model or body.get("model", ""),
        "output": output,
        "parallel_tool_calls": bool(body.get("parallel_tool_calls", True)),
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "temperature": body.get("temperature", 1.0),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "text": body.get("text") or {"format": {"type": "text"}},
        "truncation": "disabled",
        "usage": {
            "input_tokens": step.input_tokens or 0,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": step.output_tokens or 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": step.tokens,
        },
    }


def live(body: dict[str, Any], trace: Trace) -> dict[str, Any]:
    """The request as the provider can take it: without ids that only the replay knows.

    The provider keeps answers by id, and refuses ids that it never gave. Items then count as what
    they say; a reasoning item of the recorded answer is not in the record and is left out with its
    call's id. A conversation that goes on from an answer of ours by `previous_response_id` is sent
    whole.
    """
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    before = str(body.get("previous_response_id") or "")
    if before.startswith(f"resp_{_OURS}"):
        span = before.removeprefix(f"resp_{_OURS}")
        step = next((s for s in trace.model_calls if s.span_id == span), None)
        if step is not None:
            items = [*request(step)["input"], *answer(step, body)["output"], *items]
            body = {key: value for key, value in body.items() if key != "previous_response_id"}
    elif not any(_is_ours(item) for item in items):
        return body
    return {
        **body,
        "input": [
            {k: v for k, v in item.items() if k != "id"} if _is_ours(item) else item
            for item in items
        ],
    }


def _is_ours(item: Any) -> bool:
    identity = str(item.get("id") or "") if isinstance(item, dict) else ""
    return identity.partition("_")[2].startswith(_OURS)


def events(answer: dict[str, Any], body: dict[str, Any]) -> Iterator[bytes]:
    """The response as its stream of events."""
    numbers = count()

    def event(kind: str, **held: Any) -> bytes:
        return sse.event({"type": kind, "sequence_number": next(numbers), **held}, kind)

    opened = {**answer, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=opened)
    yield event("response.in_progress", response=opened)
    for index, item in enumerate(answer["output"]):
        is_call = item["type"] == "function_call"
        blank: dict[str, Any] = {"arguments": ""} if is_call else {"content": []}
        begun = {**item, "status": "in_progress", **blank}
        yield event("response.output_item.added", output_index=index, item=begun)
        at = {"output_index": index, "item_id": item["id"]}
        if is_call:
            kind = "response.function_call_arguments"
            yield event(f"{kind}.delta", delta=item["arguments"], **at)
            yield event(f"{kind}.done", arguments=item["arguments"], name=item["name"], **at)
        else:
            part, place = item["content"][0], {**at, "content_index": 0}
            yield event("response.content_part.added", part={**part, "text": ""}, **place)
            for piece in sse.pieces(part["text"]):
                yield event("response.output_text.delta", delta=piece, logprobs=[], **place)
            yield event("response.output_text.done", text=part["text"], logprobs=[], **place)
            yield event("response.content_part.done", part=part, **place)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=answer)


def joined(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the last event holds whole."""
    whole: dict[str, Any] = {}
    for event in events:
        if isinstance(event.get("response"), dict):
            whole = event["response"]
    return whole


def usage(answer: dict[str, Any]) -> tuple[int, int]:
    found = answer.get("usage") or {}
    return int(found.get("input_tokens") or 0), int(found.get("output_tokens") or 0)


def request(step: Step) -> dict[str, Any]:
    """The recorded call as a request."""
    chat = openai_chat.request(step)
    items: list[dict[str, Any]] = []
    instructions = []
    for message in chat["messages"]:
        if message["role"] in _SYSTEM:
            instructions.append(message["content"])
        elif message["role"] == "tool":
            items.append(
                {
                    "type": "function_call_output",
                    "call_id": message["tool_call_id"],
                    "output": message["content"],
                }
            )
        else:
            if message["content"]:
                items.append({"role": message["role"], "content": message["content"]})
            items += [
                {
                    "type": "function_call",
                    "call_id": made["id"],
                    "name": made["function"]["name"],
                    "arguments": made["function"]["arguments"],
                }
                for made in message.get("tool_calls") or []
            ]
    body: dict[str, Any] = {"model": step.model, "input": items}
    if instructions:
        body["instructions"] = "\n".join(instructions)
    parameters = parameters_of(step)
    body |= {k: parameters[k] for k in ("temperature", "top_p", "tool_choice") if k in parameters}
    if "max_tokens" in parameters:
        body["max_output_tokens"] = parameters["max_tokens"]
    if tools := tools_of(step):
        body["tools"] = [
            {
                "type": "function",
                "name": t["name"],
                "description": t.get("description"),
                "parameters": t.get("parameters"),
                "strict": False,
            }
            for t in tools
        ]
    return body


def heard(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What the response says, as messages of the GenAI conventions."""
    parts: list[dict[str, Any]] = []
    for item in answer.get("output") or []:
        if item.get("type") == "message":
            parts.append({"type": "text", "content": _text(item.get("content"))})
        elif item.get("type") == "function_call":
            try:
                arguments = json.loads(item.get("arguments") or "{}")
            except ValueError:
                arguments = item.get("arguments")
            parts.append(
                {
                    "type": "tool_call",
                    "id": item.get("call_id"),
                    "name": item.get("name"),
                    "arguments": arguments,
                }
            )
    reason = "tool_call" if any(p["type"] == "tool_call" for p in parts) else "stop"
    return [{"role": "assistant", "parts": parts, "finish_reason": reason}]


def with_prompt(body: dict[str, Any], prompt: str) -> dict[str, Any]:
    """The request with other system instructions."""
    given = body.get("input")
    if isinstance(given, list):
        given = [item for item in given if item.get("role") not in _SYSTEM]
    return {**body, "instructions": prompt, "input": given}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if "text" in part)
    return content if isinstance(content, str) else ""

"""Stand-ins for APIs of other shapes than OpenAI's: Anthropic, Gemini, Bedrock Converse, Ollama.

``python standin_more.py --port 9903`` answers these and all that standin.py answers, by the same
script: the offered tool first, the final text after its result, plain text without tools.

Anthropic and Bedrock count cached tokens beside ``input_tokens``: 500 beside 300 that are written
to the cache when the tool is asked for, and read from it afterwards; plain text 24. Gemini counts
them within ``promptTokenCount``, and thoughts beside ``candidatesTokenCount``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import standin
from standin import FINAL_TEXT, PLAIN_TEXT, TOOL_ARGUMENTS, Handler, new_id

CLAUDE = "claude-sonnet-4-5-20250929"
Turn = tuple[str, str]  # the tool that is asked for, '' for none; the text


def _turn(tools: list[str], answered: bool) -> Turn:
    if answered:
        return "", FINAL_TEXT
    return (tools[0], "") if tools else ("", PLAIN_TEXT)


def _given(tool: str) -> dict[str, Any]:
    return TOOL_ARGUMENTS.get(tool, {"city": "Paris"})


def _said(body: dict[str, Any]) -> str:
    return json.dumps([body.get("messages"), body.get("contents")])


def anthropic(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer of /v1/messages."""
    tools = [t["name"] for t in body.get("tools") or []]
    tool, text = _turn(tools, '"tool_result"' in _said(body))
    content: dict[str, Any] = {"type": "text", "text": text}
    if tool:
        call = {"type": "tool_use", "id": new_id("toolu_")}
        content = {**call, "name": tool, "input": _given(tool)}
    plain = not tool and text == PLAIN_TEXT
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": CLAUDE,
        "content": [content],
        "stop_reason": "tool_use" if tool else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 24 if plain else 500,
            "cache_creation_input_tokens": 300 if tool else 0,
            "cache_read_input_tokens": 0 if tool or plain else 300,
            "output_tokens": 11 if plain else 27 if tool else 19,
            "service_tier": "standard",
        },
    }


def anthropic_events(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as the events of a stream."""
    whole = anthropic(body)
    (block,) = whole["content"]
    usage = whole["usage"]
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    if block["type"] == "text":
        empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        empty = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {
        "type": "message_delta",
        "delta": stop,
        "usage": {"output_tokens": usage["output_tokens"]},
    }
    yield {"type": "message_stop"}


def gemini(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer of models/…:generateContent."""
    tools = [
        each["name"]
        for tool in body.get("tools") or []
        for each in tool.get("functionDeclarations") or tool.get("function_declarations") or []
    ]
    tool, text = _turn(tools, '"functionResponse"' in _said(body))
    part: dict[str, Any] = {"text": text}
    if tool:
        part = {"functionCall": {"name": tool, "args": _given(tool)}}
    usage = {"promptTokenCount": 24, "candidatesTokenCount": 11, "totalTokenCount": 35}
    if tool:
        usage = {
            "promptTokenCount": 82,
            "candidatesTokenCount": 19,
            "thoughtsTokenCount": 8,
            "totalTokenCount": 109,
        }
    elif text == FINAL_TEXT:
        usage = {
            "promptTokenCount": 124,
            "cachedContentTokenCount": 64,
            "candidatesTokenCount": 15,
            "thoughtsTokenCount": 4,
            "totalTokenCount": 143,
        }
    return {
        "candidates": [
            {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": new_id("gem"),
    }


def converse(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer of Bedrock's Converse."""
    tools = [t["toolSpec"]["name"] for t in (body.get("toolConfig") or {}).get("tools") or []]
    tool, text = _turn(tools, '"toolResult"' in _said(body))
    content: dict[str, Any] = {"text": text}
    if tool:
        call = {"toolUseId": new_id("tooluse_"), "name": tool, "input": _given(tool)}
        content = {"toolUse": call}
    plain = not tool and text == PLAIN_TEXT
    read, written = (0 if tool or plain else 300), (300 if tool else 0)
    spent, told = (24, 11) if plain else (500, 27 if tool else 19)
    return {
        "output": {"message": {"role": "assistant", "content": [content]}},
        "stopReason": "tool_use" if tool else "end_turn",
        "usage": {
            "inputTokens": spent,
            "outputTokens": told,
            "totalTokens": spent + told + read + written,
            "cacheReadInputTokens": read,
            "cacheWriteInputTokens": written,
        },
        "metrics": {"latencyMs": 5},
    }


def ollama(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer of /api/chat."""
    tools = [t["function"]["name"] for t in body.get("tools") or []]
    tool, text = _turn(tools, '"tool"' in _said(body))
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if tool:
        message["tool_calls"] = [{"function": {"name": tool, "arguments": _given(tool)}}]
    return {
        "model": body.get("model"),
        "created_at": "2026-11-29T12:00:00.000000Z",
        "message": message,
        "done_reason": "stop",
        "done": True,
        "total_duration": 5_000_000,
        "prompt_eval_count": 82 if tool else 124 if text == FINAL_TEXT else 24,
        "eval_count": 27 if tool else 19 if text == FINAL_TEXT else 11,
    }


class More(Handler):
    """Routes of the other APIs, and those of OpenAI's."""

    def do_POST(self) -> None:
        path = self.path.split("?")[0]
        if path.endswith("/messages"):
            body = self._body()
            if body.get("stream"):
                self._stream(anthropic_events(body), named=True)
            else:
                self._json(200, anthropic(body))
        elif path.endswith(":generateContent"):
            self._json(200, gemini(self._body()))
        elif path.endswith("/converse"):
            self._json(200, converse(self._body()))
        elif path.endswith("/api/chat"):
            self._json(200, ollama(self._body()))
        else:
            super().do_POST()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9903)
    options = parser.parse_args()
    standin.DATED.setdefault("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14")
    ThreadingHTTPServer(("127.0.0.1", options.port), More).serve_forever()


if __name__ == "__main__":
    main()

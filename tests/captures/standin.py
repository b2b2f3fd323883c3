"""A local stand-in for the OpenAI API: real socket, scripted and deterministic answers.

Answers ``POST /v1/chat/completions``, ``/v1/responses`` (both plain and as an SSE stream) and
``/v1/embeddings``. The script is short: while the caller offers tools and no tool result is in
the conversation, the answer asks for the first offered tool (``get_weather`` where it is offered);
afterwards, or without tools, it is a final text. Every id counts up from the start of the server,
so two runs of one agent differ only in what the instrumentation itself invents.

The model name ``gpt-missing`` is answered 404 and ``gpt-limited`` 429, as the real service does.
Token usage is fixed for each turn (`TOOL_TURN`, `FINAL_TURN`, `PLAIN_TURN`), so that
expectations can state it.

Run: ``python standin.py --port 9901``. The paths with a leading ``/openai`` work too.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CREATED = 1_760_000_000
EMBEDDING_SIZE = 8
FINAL_TEXT = "It is 18 degrees and sunny in Paris."
PLAIN_TEXT = "Paris is the capital of France."
TOOL_ARGUMENTS: dict[str, dict[str, Any]] = {
    "get_weather": {"city": "Paris"},
    "search_docs": {"query": "refund policy"},
}
DATED = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
}
FAILURES: dict[str, tuple[int, str, str]] = {
    "gpt-missing": (404, "model_not_found", "The model `gpt-missing` does not exist"),
    "gpt-limited": (429, "rate_limit_exceeded", "Rate limit reached for gpt-limited"),
}

_ids = itertools.count(1)


@dataclass(slots=True)
class Usage:
    """Token counts; cached is part of input, reasoning is part of output."""

    input: int
    output: int
    cached: int
    reasoning: int

    def chat(self) -> dict[str, Any]:
        """The ``usage`` object of chat completions."""
        return {
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def responses(self) -> dict[str, Any]:
        """The ``usage`` object of the Responses API."""
        return {
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.input + self.output,
        }


TOOL_TURN = Usage(input=82, output=27, cached=0, reasoning=8)
FINAL_TURN = Usage(input=124, output=19, cached=64, reasoning=4)
PLAIN_TURN = Usage(input=24, output=11, cached=0, reasoning=0)


def new_id(prefix: str) -> str:
    """An id of the service's form, e.g. ``chatcmpl-Bx000000000000000000000001``."""
    return f"{prefix}Bx{next(_ids):026d}"


def tool_names(body: dict[str, Any]) -> list[str]:
    """Names of the function tools offered, of either API's shape."""
    tools = body.get("tools") or []
    return [t.get("function", t).get("name", "") for t in tools if t.get("type") == "function"]


def has_tool_result(body: dict[str, Any]) -> bool:
    """Whether the conversation already holds a tool's result."""
    if any(m.get("role") in ("tool", "function") for m in body.get("messages") or []):
        return True
    items = body.get("input")
    return isinstance(items, list) and any(
        i.get("type") == "function_call_output" for i in items if isinstance(i, dict)
    )


def choose(body: dict[str, Any]) -> tuple[Usage, str | None, str]:
    """The scripted turn: (usage, tool name or None, text)."""
    names = [n for n in tool_names(body) if n]
    if has_tool_result(body):
        return FINAL_TURN, None, FINAL_TEXT
    if names and body.get("tool_choice") != "none":
        return TOOL_TURN, "get_weather" if "get_weather" in names else names[0], ""
    return PLAIN_TURN, None, PLAIN_TEXT


def arguments_of(tool: str) -> str:
    """The arguments the model writes for a tool, as JSON text."""
    return json.dumps(TOOL_ARGUMENTS.get(tool, {}), separators=(",", ":"))


def chat_completion(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer of /v1/chat/completions."""
    usage, tool, text = choose(body)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text or None,
        "refusal": None,
        "annotations": [],
    }
    if tool:
        function = {"name": tool, "arguments": arguments_of(tool)}
        message["tool_calls"] = [{"id": new_id("call_"), "type": "function", "function": function}]
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": CREATED,
        "model": dated(body),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": "tool_calls" if tool else "stop",
            }
        ],
        "usage": usage.chat(),
        "service_tier": "default",
        "system_fingerprint": "fp_34a54ae93c",
    }


def chat_chunks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as stream chunks; usage last, only when the caller asks for it."""
    usage, tool, text = choose(body)
    head = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": dated(body),
        "service_tier": "default",
        "system_fingerprint": "fp_34a54ae93c",
    }

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], "usage": None}

    if tool:
        arguments = arguments_of(tool)
        middle = len(arguments) // 2
        call = {"index": 0, "id": new_id("call_"), "type": "function"}
        first = {**call, "function": {"name": tool, "arguments": ""}}
        yield chunk({"role": "assistant", "content": None, "tool_calls": [first]})
        for piece in (arguments[:middle], arguments[middle:]):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    else:
        yield chunk({"role": "assistant", "content": "", "refusal": None})
        for word in text.split(" "):
            yield chunk({"content": word if word == text.split(" ")[0] else " " + word})
    yield chunk({}, "tool_calls" if tool else "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": usage.chat()}


def response_object(body: dict[str, Any]) -> dict[str, Any]:
    """A plain answer of /v1/responses."""
    usage, tool, text = choose(body)
    output: list[dict[str, Any]] = []
    if tool:
        output.append(
            {
                "id": new_id("fc_"),
                "type": "function_call",
                "status": "completed",
                "call_id": new_id("call_"),
                "name": tool,
                "arguments": arguments_of(tool),
            }
        )
    else:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        output.append(
            {
                "id": new_id("msg_"),
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [part],
            }
        )
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": None,
        "model": dated(body),
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage.responses(),
        "user": None,
        "metadata": {},
    }


def response_events(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as the Responses API's stream events, numbered."""
    number = itertools.count()
    final = response_object(body)
    empty = {**final, "status": "in_progress", "output": [], "usage": None}
    for kind in ("response.created", "response.in_progress"):
        yield {"type": kind, "sequence_number": next(number), "response": empty}
    for index, item in enumerate(final["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        call = item["type"] == "function_call"
        blank: dict[str, Any] = {"arguments": ""} if call else {"content": []}
        opened = {**item, "status": "in_progress", **blank}
        yield {
            "type": "response.output_item.added",
            "sequence_number": next(number),
            "output_index": index,
            "item": opened,
        }
        if call:
            kind = "response.function_call_arguments"
            delta = {"type": f"{kind}.delta", "delta": item["arguments"]}
            done = {"type": f"{kind}.done", "arguments": item["arguments"], "name": item["name"]}
            yield {**delta, **at, "sequence_number": next(number)}
            yield {**done, **at, "sequence_number": next(number)}
        else:
            yield from _text_events(item, at, number)
        yield {
            "type": "response.output_item.done",
            "sequence_number": next(number),
            "output_index": index,
            "item": item,
        }
    yield {"type": "response.completed", "sequence_number": next(number), "response": final}


def _text_events(
    item: dict[str, Any], at: dict[str, Any], number: Iterator[int]
) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    place = {**at, "content_index": 0}
    added = {"type": "response.content_part.added", "part": {**part, "text": ""}}
    yield {**added, **place, "sequence_number": next(number)}
    for position, word in enumerate(part["text"].split(" ")):
        delta = word if position == 0 else " " + word
        event = {"type": "response.output_text.delta", "delta": delta, "logprobs": []}
        yield {**event, **place, "sequence_number": next(number)}
    done = {"type": "response.output_text.done", "text": part["text"], "logprobs": []}
    yield {**done, **place, "sequence_number": next(number)}
    closed = {"type": "response.content_part.done", "part": part}
    yield {**closed, **place, "sequence_number": next(number)}


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Small vectors that depend on the text's letters; 5 tokens an input."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": i, "embedding": _vector(t, body)}
            for i, t in enumerate(texts)
        ],
        "model": body["model"],
        "usage": {"prompt_tokens": 5 * len(texts), "total_tokens": 5 * len(texts)},
    }


def _vector(text: Any, body: dict[str, Any]) -> Any:
    counts = [0.0] * EMBEDDING_SIZE
    for item in text:
        counts[(item if isinstance(item, int) else ord(item)) % EMBEDDING_SIZE] += 1.0
    norm = sum(c * c for c in counts) ** 0.5 or 1.0
    vector = [c / norm for c in counts]
    if body.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{EMBEDDING_SIZE}f", *vector)).decode()
    return vector


def dated(body: dict[str, Any]) -> str:
    """The dated model name that the service reports for an alias."""
    asked = str(body["model"])
    return DATED.get(asked, asked)


class Handler(BaseHTTPRequestHandler):
    """One request: route by the path's end, answer JSON or SSE."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the agents' output is what a person wants to read."""

    def do_GET(self) -> None:
        self._json(200, {"status": "ok"})

    def do_POST(self) -> None:
        body = self._body()
        failure = FAILURES.get(body.get("model", ""))
        if failure:
            status, code, message = failure
            error = {"message": message, "type": "invalid_request_error", "param": None}
            self._json(status, {"error": {**error, "code": code}})
        elif self.path.endswith("/chat/completions"):
            if body.get("stream"):
                self._stream(chat_chunks(body), named=False)
            else:
                self._json(200, chat_completion(body))
        elif self.path.endswith("/responses"):
            if body.get("stream"):
                self._stream(response_events(body), named=True)
            else:
                self._json(200, response_object(body))
        elif self.path.endswith("/embeddings"):
            self._json(200, embeddings(body))
        else:
            self._json(404, {"error": {"message": f"no route {self.path}", "code": "not_found"}})

    def _body(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        return dict(json.loads(self.rfile.read(length) or b"{}"))

    def _json(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-request-id", f"req_{next(_ids):012d}")
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, events: Iterator[dict[str, Any]], named: bool) -> None:
        """SSE; chat completions end with ``[DONE]``, the Responses API names its events."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            name = f"event: {event['type']}\n" if named else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        if not named:
            self.wfile.write(b"data: [DONE]\n\n")
        self.wfile.flush()
        self.close_connection = True


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9901)
    options = parser.parse_args()
    ThreadingHTTPServer((options.host, options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()

"""A stand-in of OpenAI's Responses API for a model that reasons, as strict with ids as the service.

It keeps what it answered: an item with an id that it never gave is not found, a call whose id it
gave needs the reasoning that came with it, and `previous_response_id` stands for the conversation.
"""

from __future__ import annotations

import itertools
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.replay.model import INVENTED, KNOWN

_numbers = itertools.count(1)
#: Ids that were given: of calls to their reasoning; of responses to their conversation.
_reasoning: dict[str, str] = {}
_items: set[str] = set()
_conversations: dict[str, list[dict[str, Any]]] = {}


class Responses(BaseHTTPRequestHandler):
    """POST /v1/responses."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        given = body["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
        ids = {item["id"] for item in items if item.get("id")}
        before = body.get("previous_response_id")
        if before and before not in _conversations:
            self._refuse(404, f"Previous response with id '{before}' not found.")
            return
        for identity in ids:
            if identity not in _items:
                self._refuse(404, f"Item with id '{identity}' not found.")
                return
            if identity in _reasoning and _reasoning[identity] not in ids:
                self._refuse(
                    400,
                    f"Item '{identity}' of type 'function_call' was provided without its required"
                    f" 'reasoning' item: '{_reasoning[identity]}'.",
                )
                return
        conversation = [*_conversations.get(before, []), *items]
        calls = {i["call_id"] for i in conversation if i.get("type") == "function_call"}
        results = [i for i in conversation if i.get("type") == "function_call_output"]
        if any(result["call_id"] not in calls for result in results):
            self._refuse(400, "No tool call found for function call output.")
            return
        number = next(_numbers)
        reasoning = {"id": f"rs_{number:032x}", "type": "reasoning", "summary": []}
        if results:
            text = KNOWN if "5 years" in json.dumps(conversation) else INVENTED
            part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            said: dict[str, Any] = {"type": "message", "role": "assistant", "content": [part]}
            said |= {"id": f"msg_{number:032x}", "status": "completed"}
        else:
            said = {"type": "function_call", "name": "get_order", "status": "completed"}
            said |= {"arguments": '{"order_id": "LF-1001"}', "call_id": f"call_{number:024x}"}
            said["id"] = f"fc_{number:032x}"
            _reasoning[said["id"]] = str(reasoning["id"])
        output = [reasoning, said]
        _items.update(str(item["id"]) for item in output)
        answer = {
            "id": f"resp_{number:032x}",
            "object": "response",
            "created_at": 1764000000,
            "status": "completed",
            "model": body["model"],
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": body.get("tools") or [],
            "usage": {
                "input_tokens": 40,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 12,
                "output_tokens_details": {"reasoning_tokens": 8},
                "total_tokens": 52,
            },
        }
        _conversations[str(answer["id"])] = [*conversation, *output]
        self._send(200, answer)

    def _refuse(self, status: int, message: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": "input"}
        self._send(status, {"error": {**error, "code": None}})

    def _send(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

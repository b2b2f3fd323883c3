"""A stand-in of the Anthropic API: a tool turn, then a text, as a stream where it is asked for."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.replay.model import INVENTED, KNOWN


class Messages(BaseHTTPRequestHandler):
    """POST /v1/messages."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = json.dumps(body["messages"])
        if "tool_result" not in told:
            block: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "get_order"}
            block["input"] = {"order_id": "LF-1001"}
        else:
            block = {"type": "text", "text": KNOWN if "5 years" in told else INVENTED}
        message = {
            "id": "msg_stand_in",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [block],
            "stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 40, "output_tokens": 12},
        }
        if body.get("stream"):
            data = "".join(self._events(message)).encode()
            kind = "text/event-stream"
        else:
            data, kind = json.dumps(message).encode(), "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @staticmethod
    def _events(message: dict[str, Any]) -> list[str]:
        text = message["content"][0]["text"]
        opened = {**message, "content": [], "stop_reason": None}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": opened},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            *(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": f"{word} "},
                }
                for word in text.split()
            ),
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 12},
            },
            {"type": "message_stop"},
        ]
        return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]

    def log_message(self, format: str, *args: Any) -> None:
        pass

"""A local OpenAI-compatible endpoint that plays the scenarios' model, the same each time.

    python -m demo.llm_standin --port 8999

Which conversation it plays is told by two headers, so that nothing of it shows in a span:
X-Demo-Scenario (id) and X-Demo-Turn (from 0). The step within a turn follows from the messages.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from demo.scenarios import DEFAULT_SEED, Scenario, scenarios

_CHARACTERS_A_TOKEN = 4  # near what the tokenisers of current models give for English


class StandIn:
    """The endpoint on a port of its own, in a thread. Use with `with`."""

    def __init__(self, played: list[Scenario], host: str = "127.0.0.1", port: int = 0) -> None:
        by_id = {scenario.id: scenario for scenario in played}

        class Handler(_Handler):
            scenarios = by_id

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def base_url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    scenarios: dict[str, Scenario]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.rstrip("/") != "/v1/chat/completions":
            self._answer(404, _error(f"no such path: {self.path}; use /v1/chat/completions"))
            return
        try:
            request = json.loads(body)
            messages = request["messages"]
            scenario = self.scenarios[self.headers.get("X-Demo-Scenario", "")]
            turn = scenario.turns[int(self.headers.get("X-Demo-Turn", ""))]
            move = turn.model[_moves_made(messages)]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            self._answer(400, _error(f"nothing to play for this request: {error!r}"))
            return
        started = time.perf_counter()
        completion = _completion(request, messages, move)
        delay = 0.004 + completion["usage"]["completion_tokens"] * 0.0002
        time.sleep(max(0.0, delay - (time.perf_counter() - started)))
        self._answer(200, completion)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the demo prints its own progress."""


def _moves_made(messages: list[dict[str, Any]]) -> int:
    """How often the model has spoken since the customer last did."""
    moves = 0
    for message in reversed(messages):
        if message["role"] == "user":
            break
        moves += message["role"] == "assistant"
    return moves


def _completion(
    request: dict[str, Any], messages: list[dict[str, Any]], move: dict[str, Any]
) -> dict[str, Any]:
    seen = json.dumps(messages, sort_keys=True)
    identity = hashlib.sha256(seen.encode()).hexdigest()[:24]
    grounded = move.get("grounded")
    if grounded is not None and grounded["on"] in seen:
        move = {**move, "say": grounded["say"]}
    message: dict[str, Any] = {"role": "assistant", "content": move.get("say")}
    if "call" in move:
        function = {"name": move["call"], "arguments": json.dumps(move["with"])}
        message["tool_calls"] = [
            {"id": f"call_{identity[:16]}", "type": "function", "function": function}
        ]
    prompt = len(seen) // _CHARACTERS_A_TOKEN
    said = max(1, len(json.dumps(message)) // _CHARACTERS_A_TOKEN)
    return {
        "id": f"chatcmpl-{identity}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{request['model']}-2025-04-14",
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if "call" in move else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": said,
            "total_tokens": prompt + said,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error"}}


def main() -> None:
    parser = argparse.ArgumentParser(description="Local OpenAI-compatible stand-in of the demo.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8999)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args()
    with StandIn(scenarios(options.seed), options.host, options.port) as standin:
        print(f"OpenAI-compatible stand-in on {standin.base_url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()

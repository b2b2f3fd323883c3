"""One model call over an OpenAI-compatible endpoint, with a span written by hand.

Attributes: open-telemetry/semantic-conventions-genai, span gen_ai.client.inference.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry import trace

_tracer = trace.get_tracer("demo.chat")


class ChatClient:
    def __init__(
        self, base_url: str, model: str, headers: dict[str, str] | None = None, timeout: float = 30
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        address = urlsplit(base_url)
        self._host, self._port = address.hostname or "", address.port or 443
        self._model = model
        self._timeout = timeout
        self._session = requests.Session()
        self.headers = dict(headers or {})

    def complete(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """The assistant's message. Raises requests.RequestException when the endpoint fails."""
        request = {
            "model": self._model,
            "messages": messages,
            "tools": tools,
            "temperature": 0.2,
            "max_tokens": 400,
        }

        with _tracer.start_as_current_span(
            f"chat {self._model}",
            kind=trace.SpanKind.CLIENT,
            attributes={**self._request_attributes(request)},
            set_status_on_exception=False,
        ) as span:
            try:
                answer = self._session.post(
                    self._url, json=request, headers=self.headers, timeout=self._timeout
                )
                answer.raise_for_status()
                body: dict[str, Any] = answer.json()
            except requests.RequestException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(trace.Status(trace.StatusCode.ERROR, str(error)))
                raise
            span.set_attributes(_response_attributes(body))
            message: dict[str, Any] = body["choices"][0]["message"]
            return message

    def _request_attributes(self, request: dict[str, Any]) -> dict[str, Any]:
        system = [m["content"] for m in request["messages"] if m["role"] == "system"]
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": request["model"],
            "gen_ai.request.temperature": request["temperature"],
            "gen_ai.request.max_tokens": request["max_tokens"],
            "gen_ai.output.type": "text",
            "server.address": self._host,
            "server.port": self._port,
            "gen_ai.system_instructions": _json([{"type": "text", "content": t} for t in system]),
            "gen_ai.input.messages": _json(
                [_message(m) for m in request["messages"] if m["role"] != "system"]
            ),
            "gen_ai.tool.definitions": _json(
                [{"type": "function", **tool["function"]} for tool in request["tools"]]
            ),
        }


def _response_attributes(body: dict[str, Any]) -> dict[str, Any]:
    usage = body.get("usage", {})
    return {
        "gen_ai.response.id": body["id"],
        "gen_ai.response.model": body["model"],
        "gen_ai.response.finish_reasons": [c["finish_reason"] for c in body["choices"]],
        "gen_ai.usage.input_tokens": usage.get("prompt_tokens", 0),
        "gen_ai.usage.output_tokens": usage.get("completion_tokens", 0),
        "gen_ai.usage.cache_read.input_tokens": usage.get("prompt_tokens_details", {}).get(
            "cached_tokens", 0
        ),
        "gen_ai.output.messages": _json(
            [
                {**_message(choice["message"]), "finish_reason": choice["finish_reason"]}
                for choice in body["choices"]
            ]
        ),
    }


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """An OpenAI chat message as role and parts (gen-ai-input-messages.json)."""
    if message["role"] == "tool":
        part = {
            "type": "tool_call_response",
            "id": message["tool_call_id"],
            "response": message["content"],
        }
        return {"role": "tool", "parts": [part]}
    parts: list[dict[str, Any]] = []
    if message.get("content"):
        parts.append({"type": "text", "content": message["content"]})
    parts += [
        {
            "type": "tool_call",
            "id": call["id"],
            "name": call["function"]["name"],
            "arguments": json.loads(call["function"]["arguments"]),
        }
        for call in message.get("tool_calls") or []
    ]
    return {"role": message["role"], "parts": parts}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

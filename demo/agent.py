"""The support agent: retrieve, build the prompt, let the model call tools, parse its reply."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import everyspan
from opentelemetry import trace

from demo.chat import ChatClient
from demo.help_pages import HelpPages
from demo.tools import DEFINITIONS, Tools

MAX_MODEL_CALLS = 6
_SOURCES = re.compile(r"\s*\[sources:(?P<ids>[^\]]*)\]\s*$")
_tracer = trace.get_tracer("demo.agent")


@dataclass(frozen=True, slots=True)
class Reply:
    answer: str
    sources: list[str]


class SupportAgent:
    """One conversation; every `answer` is a trace of its own."""

    def __init__(
        self,
        chat: ChatClient,
        tools: Tools,
        pages: HelpPages,
        instructions: str,
        scenario: str,
        history: Sequence[dict[str, Any]] = (),
    ) -> None:
        self._chat = chat
        self._tools: dict[str, Callable[..., Any]] = tools.by_name()
        self._pages = pages
        self._scenario = scenario
        self.trace_id = ""  # of the latest answer
        self._messages: list[dict[str, Any]] = [
            {"role": "system", "content": instructions},
            *history,
        ]

    @everyspan.step(kind="agent", name="support-agent")
    def answer(self, question: str) -> str:
        span = trace.get_current_span()
        span.set_attribute("demo.scenario", self._scenario)
        self.trace_id = f"{span.get_span_context().trace_id:032x}"
        pages = self._pages.search(question)
        self._messages.append({"role": "user", "content": self.build_prompt(question, pages)})
        for _ in range(MAX_MODEL_CALLS):
            message = self._chat.complete(self._messages, DEFINITIONS)
            self._messages.append(message)
            if not message.get("tool_calls"):
                return self.parse(message["content"]).answer
            for call in message["tool_calls"]:
                self._messages.append(self._run_tool(call))
        raise RuntimeError(f"no answer after {MAX_MODEL_CALLS} model calls")

    @everyspan.step(kind="prompt")
    def build_prompt(self, question: str, pages: list[dict[str, object]]) -> str:
        found = "\n".join(f"[{page['id']}] {page['title']}: {page['content']}" for page in pages)
        return f"Help pages:\n{found}\n\nCustomer: {question}"

    @everyspan.step(kind="parser")
    def parse(self, text: str) -> Reply:
        """The answer without its last line `[sources: …]`, and the page ids named there."""
        match = _SOURCES.search(text)
        if match is None:
            return Reply(text.strip(), [])
        ids = [part.strip() for part in match["ids"].split(",")]
        return Reply(text[: match.start()].strip(), [i for i in ids if i and i != "none"])

    def _run_tool(self, call: dict[str, Any]) -> dict[str, Any]:
        """The tool's message; what it raised is told to the model, as agents do."""
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        tool = self._tools.get(name)
        try:
            result = tool(**arguments) if tool is not None else self._unknown(name, arguments)
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        content = json.dumps(result, ensure_ascii=False, default=str)
        return {"role": "tool", "tool_call_id": call["id"], "content": content}

    def _unknown(self, name: str, arguments: dict[str, Any]) -> dict[str, str]:
        result = {"error": f"there is no tool {name!r}"}
        with _tracer.start_as_current_span(
            f"execute_tool {name}",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.arguments": json.dumps(arguments),
                "gen_ai.tool.call.result": json.dumps(result),
            },
        ):
            return result

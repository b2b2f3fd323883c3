"""Which standard attributes a step of each kind carries.

tool, agent, retrieval: open-telemetry/semantic-conventions-genai (execute_tool, invoke_agent,
retrieval). The kinds that it has no span for: OpenInference (openinference.span.kind,
input.value, output.value). PARSER is a value of ours: OpenInference lists none for parsers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everyspan._content import LIMIT, RawContent, as_json, as_text, cut

Attributes = dict[str, str | int]


@dataclass(frozen=True)
class StepAttributes:
    span_name: Callable[[str], str]
    static: Callable[[str], Attributes]
    input: Callable[[dict[str, Any]], Attributes]
    output: Callable[[Any], Attributes]


def _text(value: Any) -> tuple[str, str]:
    if isinstance(value, RawContent):
        return value.text, value.mime_type
    return as_text(value)


# --- tool: execute_tool ---


def _tool(name: str) -> Attributes:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
    }


def _tool_result(result: Any) -> Attributes:
    return {"gen_ai.tool.call.result": _text(result)[0]}


# --- agent: invoke_agent ---


def _agent(name: str) -> Attributes:
    return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}


def _message(role: str, text: str) -> str:
    message = {"role": role, "parts": [{"type": "text", "content": text}]}
    if role == "assistant":
        message["finish_reason"] = "stop"
    return json.dumps([message], ensure_ascii=False)


def _agent_input(arguments: dict[str, Any]) -> Attributes:
    """The one string argument is what the user said; anything else is shown as JSON."""
    texts = [value for value in arguments.values() if isinstance(value, str)]
    text = cut(texts[0]) if len(texts) == 1 else as_json(arguments)
    return {"gen_ai.input.messages": _message("user", text)}


def _agent_output(result: Any) -> Attributes:
    return {"gen_ai.output.messages": _message("assistant", _text(result)[0])}


# --- retrieval ---


def _retrieval(name: str) -> Attributes:
    return {"gen_ai.operation.name": "retrieval"}


def _query(arguments: dict[str, Any]) -> Attributes:
    """The query is the argument of that name, else the first string."""
    query = arguments.get("query")
    if not isinstance(query, str):
        query = next((value for value in arguments.values() if isinstance(value, str)), None)
    return {"gen_ai.retrieval.query.text": cut(query) if query is not None else as_json(arguments)}


def _documents(result: Any) -> Attributes:
    if isinstance(result, RawContent):
        return {"gen_ai.retrieval.documents": result.text}
    if not isinstance(result, Sequence) or isinstance(result, (str, bytes)):
        result = [result]
    return {"gen_ai.retrieval.documents": _fit([_document(item) for item in result])}


def _document(item: Any) -> Any:
    """`{id, score, content, …}` of a string, a pair with its score, a mapping or an object."""
    if isinstance(item, str):
        return {"content": item}
    if isinstance(item, tuple) and len(item) == 2:
        first, second = item
        if isinstance(first, (int, float)) and not isinstance(second, (int, float)):
            first, second = second, first
        if isinstance(second, (int, float)):
            document = _document(first)
            return {**document, "score": second} if isinstance(document, dict) else document
    if isinstance(item, Mapping):
        return dict(item)
    if hasattr(item, "page_content"):  # LangChain's Document
        found = {"content": item.page_content, "metadata": getattr(item, "metadata", None)}
        if getattr(item, "id", None) is not None:
            found["id"] = item.id
        return found
    return item


def _fit(documents: list[Any]) -> str:
    """JSON of the documents; over the limit their contents are cut so that it stays JSON."""
    whole = as_json(documents)
    if len(whole) <= LIMIT or not documents:
        return whole
    room = max(LIMIT // len(documents) - 200, 0)
    for document in documents:
        if isinstance(document, dict) and isinstance(content := document.get("content"), str):
            missing = len(content) - room
            if missing > 0:
                document["content"] = f"{content[:room]}…[cut: {missing} more characters]"
    return as_json(documents)


# --- the rest: OpenInference ---


def _openinference(span_kind: str) -> StepAttributes:
    def given(arguments: dict[str, Any]) -> Attributes:
        only = next(iter(arguments.values())) if len(arguments) == 1 else arguments
        text, mime = as_text(only)
        return {"input.value": text, "input.mime_type": mime}

    def returned(result: Any) -> Attributes:
        if result is None:
            return {}
        text, mime = _text(result)
        return {"output.value": text, "output.mime_type": mime}

    return StepAttributes(
        span_name=lambda name: name,
        static=lambda name: {"openinference.span.kind": span_kind},
        input=given,
        output=returned,
    )


BY_KIND: dict[str, StepAttributes] = {
    "tool": StepAttributes(
        lambda name: f"execute_tool {name}",
        _tool,
        lambda arguments: {"gen_ai.tool.call.arguments": as_json(arguments)},
        _tool_result,
    ),
    "agent": StepAttributes(
        lambda name: f"invoke_agent {name}", _agent, _agent_input, _agent_output
    ),
    "retrieval": StepAttributes(lambda name: f"retrieval {name}", _retrieval, _query, _documents),
    "llm": _openinference("LLM"),
    "chain": _openinference("CHAIN"),
    "prompt": _openinference("PROMPT"),
    "parser": _openinference("PARSER"),
    "guardrail": _openinference("GUARDRAIL"),
    "embedding": _openinference("EMBEDDING"),
    "reranker": _openinference("RERANKER"),
    "evaluator": _openinference("EVALUATOR"),
}

"""Readable text from what frameworks record as input and output.

Frameworks wrap the text a person would want to read: ``{"input": …}``, ``{"args": […],
"kwargs": {…}}``, JSON in quotes. Only wrappers that say nothing themselves are taken off; anything
else stays JSON.
"""

from __future__ import annotations

import ast
from typing import Any

from ingest.attributes import dumps, loads, text_of
from ingest.conventions.parts import ANSWER_PARTS, CALL_PARTS, part_of

#: A dict with only one of these keys (and nothing else that says anything) is a wrapper.
_WRAPPERS = (
    "input inputs output outputs text query question content result answer prompt completion"
    " response value return final_output user_input request data message task raw"
).split()
#: Keys that may stand beside the wrapped value and are empty or technical.
_BESIDE = frozenset(
    "tags metadata kwargs run_id run_type name type tool_call_id status artifact id"
    " additional_kwargs response_metadata example".split()
)
#: Keys of what a callback hands over around a tool's arguments.
_ARGUMENT_WRAPPERS = frozenset(
    {"inputs", "input", "input_str", "args", "kwargs", "arguments", "tool_input"}
)
#: What may stand beside a tool's arguments: its name, and a framework's switches.
_BESIDE_ARGUMENTS = frozenset(
    "tool_name tool toolName calling sanitize_inputs_outputs tool_call_id toolCallId call_id"
    " callback_manager config".split()
)


def unwrapped(value: Any, depth: int = 0) -> Any:
    """The value without wrappers; JSON text becomes data where it is a list or dict."""
    if isinstance(value, str):
        if value[:1] in ("{", "[", '"') and depth < 6:
            parsed = loads(value)
            if parsed is not None:
                return unwrapped(parsed, depth + 1)
        return value
    if not isinstance(value, dict) or not value or depth > 6:
        return value
    if value.keys() <= {"args", "kwargs"}:
        args, kwargs = value.get("args") or [], value.get("kwargs") or {}
        if not args:
            return unwrapped(kwargs, depth + 1)
        if not kwargs and isinstance(args, list) and len(args) == 1:
            return unwrapped(args[0], depth + 1)
        return value
    if value.get("type") == "constructor" and isinstance(value.get("kwargs"), dict):
        return unwrapped(value["kwargs"], depth + 1)
    for key in _WRAPPERS:
        if key in value:
            beside = value.keys() - {key}
            if beside <= _BESIDE and (depth > 0 or not _says_something(value, beside)):
                return unwrapped(value[key], depth + 1)
            if value[key] and beside and not any(_is_said(value[other]) for other in beside):
                return unwrapped(value[key], depth + 1)
            break
    raw = value.get("raw")
    if isinstance(raw, str) and not value.keys().isdisjoint(_CREWAI):
        return raw
    return value


#: Keys beside what an agent of CrewAI said, ``raw``.
_CREWAI = ("tasks_output", "expected_output")


def _is_said(value: Any) -> bool:
    """Whether a value beside the text says anything: switches, sizes and empty ones do not."""
    return not isinstance(value, bool | int | float) and bool(value)


def _says_something(value: dict[str, Any], keys: set[str]) -> bool:
    return any(value[key] and key in {"kwargs", "artifact"} for key in keys)


def readable(value: Any) -> str:
    """Text for a person: see unwrapped."""
    return text_of(unwrapped(value))


def arguments(value: Any) -> str:
    """A tool's arguments as JSON text where they are data, else as they came."""
    if isinstance(value, str):
        text: str = value
        if text[:1] == '"':
            inner = loads(text)
            return arguments(inner) if isinstance(inner, str) else text
        data = python_literal(text)
        if not isinstance(data, str):
            return dumps(data)
        if not text.startswith("{"):
            return text
    parsed = loads(value) if isinstance(value, str) else value
    if isinstance(parsed, dict):
        if str(parsed.get("type")).lower() in CALL_PARTS:  # all of the call: langchaingo
            return text_of(part_of(parsed)["arguments"])
        # {"query": "…"} is arguments; only what names no argument is a wrapper.
        known = _ARGUMENT_WRAPPERS | _BESIDE | _BESIDE_ARGUMENTS
        for key in ("arguments", "tool_input", "inputs", "input", "input_str", "kwargs", "args"):
            inner = parsed.get(key)
            if key == "args" and isinstance(inner, list) and len(inner) == 1:
                inner = inner[0]
            if (
                parsed.keys() <= known
                and (isinstance(inner, dict) or (isinstance(inner, str) and inner[:1] == "{"))
                and inner
            ):
                return arguments(inner)
    return text_of(value)


def tool_result(value: Any) -> str:
    """What a tool gave back: text as text, data as JSON text, without the message around it."""
    parsed = loads(value) if isinstance(value, str) and value[:1] in ("{", "[", '"') else value
    if isinstance(parsed, str):
        return str(parsed)
    if isinstance(parsed, list) and parsed and all(_says_one_thing(item) for item in parsed):
        return "\n".join(text_of(next(iter(item.values()))) for item in parsed)
    if isinstance(parsed, dict):
        if str(parsed.get("type")).lower() in ANSWER_PARTS:
            return text_of(part_of(parsed)["response"])
        for kind, key in (("constructor", "kwargs"), ("tool", "data")):
            inner = parsed.get(key)
            if parsed.get("type") == kind and isinstance(inner, dict):
                parsed = inner
        if "content" in parsed and (parsed.get("type") == "tool" or "tool_call_id" in parsed):
            return tool_result(parsed["content"])
        blocks = parsed.get("blocks")
        if "tool_name" in parsed and isinstance(blocks, list):  # LlamaIndex
            texts = [text_of(b.get("text")) for b in blocks if isinstance(b, dict)]
            if all(texts):
                return "\n".join(texts)
        for key in ("output", "outputs", "result", "results", "json"):
            if key in parsed and parsed.keys() <= {key} | _BESIDE:
                return tool_result(parsed[key])
    return text_of(value)


def _says_one_thing(item: Any) -> bool:
    """``{"text": …}`` or ``{"json": …}``: content of Bedrock's and Strands' results."""
    return isinstance(item, dict) and (item.keys() == {"text"} or item.keys() == {"json"})


def python_literal(value: Any) -> Any:
    """What ``str()`` of a dict or list said, as LangChain and LiteLLM send it; else the value."""
    if isinstance(value, str) and value[:2] in ("{'", "['", "[{") and len(value) < 65_536:
        try:
            return ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return value
    return value


def documents_of(value: Any) -> tuple[list[str], list[float]]:
    """Texts and scores of retrieved documents; scores are NaN where one has none.

    No scores at all: an empty list. Read: gen_ai.retrieval.documents, OpenInference, LangChain,
    LlamaIndex, vector stores' ``matches``, plain texts.
    """
    value = unwrapped(value)
    if isinstance(value, dict):
        for key in ("documents", "docs", "matches", "results", "nodes", "hits", "context"):
            if isinstance(value.get(key), list):
                value = value[key]
                break
        else:
            return [], []
    if not isinstance(value, list):
        return [], []
    texts: list[str] = []
    scores: list[float] = []
    for item in value:
        score = float("nan")
        if isinstance(item, list) and len(item) == 2 and isinstance(item[1], int | float):
            item, score = item[0], float(item[1])  # similarity_search_with_score
        if isinstance(item, dict):
            inner = item.get("document")
            if isinstance(inner, dict):
                score = _score(item, score)
                item = inner
            if item.get("type") == "constructor" and isinstance(item.get("kwargs"), dict):
                item = item["kwargs"]
            score = _score(item, score)
            texts.append(_document_text(item))
        elif isinstance(item, str):
            texts.append(item)
        else:
            return [], []
        scores.append(score)
    return texts, scores if any(score == score for score in scores) else []


def _score(item: dict[str, Any], default: float) -> float:
    for key in ("score", "relevance_score", "relevanceScore", "similarity", "document.score"):
        score = item.get(key)
        if isinstance(score, int | float) and not isinstance(score, bool):
            return float(score)
    return default


def _document_text(item: dict[str, Any]) -> str:
    for key in ("content", "page_content", "pageContent", "text", "document.content", "body"):
        text = item.get(key)
        if text:
            return text if isinstance(text, str) else dumps(text)
    node = item.get("node")
    return _document_text(node) if isinstance(node, dict) else dumps(item)

"""What a recorded request or answer says beside its messages: model, usage, tools, id, reason.

A floor under every convention: frameworks record the whole request and the whole answer as JSON and
repeat a part of it in attributes. What no attribute says is read here.
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import loads
from ingest.conventions.convention import Draft
from ingest.conventions.token_counts import ANSWER_KEYS, find_usage

_MODEL_KEYS = ("model", "model_name", "modelName", "model_version", "modelVersion", "modelId")
_ID_KEYS = ("id", "response_id", "responseId")
_ID_STARTS = ("chatcmpl-", "cmpl-", "resp_", "msg_", "gen-", "chatcmpl_")
_REASONS = (
    "finish_reason",
    "finishReason",
    "stop_reason",
    "stopReason",
    "done_reason",
    "StopReason",
)
_TOOLS = ("tools", "functions", "toolConfig")
_SYSTEM = ("system", "instructions", "system_instruction", "systemInstruction", "system_prompt")
_CONFIGS = ("config", "kwargs", "options", "generation_config")
_TIERS = ("service_tier", "serviceTier")
_DEEPEST = 6


def read_request(value: Any, draft: Draft) -> None:
    """Tools, system text and the model of a request, where nothing said them."""
    request = data_of(value)
    if not isinstance(request, dict):
        return
    places = [request, *(request[key] for key in _CONFIGS if isinstance(request.get(key), dict))]
    for place in places:
        for key in _TOOLS:
            tools = place.get(key)
            if isinstance(tools, dict):
                tools = tools.get("tools")
            if isinstance(tools, list) and tools:
                draft.set("tool_definitions", tools)
        for key in _SYSTEM:
            system = place.get(key)
            if isinstance(system, str | list | dict) and system:
                draft.set("system_instructions", system)
        if isinstance(place.get("model"), str):
            draft.set("model", place["model"])


def read_answer(value: Any, draft: Draft) -> None:
    """Usage, the model, the provider's id and the reason to stop of an answer."""
    answer = data_of(value)
    if not isinstance(answer, dict | list):
        return
    if draft.get("input_tokens") is None:
        for column, number in find_usage(answer).items():
            draft.set(column, number)
        usage = answer.get("usage") if isinstance(answer, dict) else None
        draft.set("service_tier", _text(answer, _TIERS) or _text(usage, _TIERS))
    if draft.get("response_model") is None:
        draft.set("response_model", _text(answer, _MODEL_KEYS))
    if draft.get("response_id") is None:
        draft.set("response_id", _text(answer, _ID_KEYS, _ID_STARTS))
    if draft.get("finish_reason") is None:
        draft.set("finish_reason", _text(answer, _REASONS))


def data_of(value: Any) -> Any:
    """JSON text as data, anything else as it is."""
    if isinstance(value, str):
        return loads(value) if value[:1] in ("{", "[") else None
    return value


def _text(answer: Any, keys: tuple[str, ...], starts: tuple[str, ...] = (), depth: int = 0) -> str:
    """The first text of one of the keys, the outermost first."""
    if depth > _DEEPEST:
        return ""
    if isinstance(answer, list):
        return next((found for a in answer[:4] if (found := _text(a, keys, starts, depth + 1))), "")
    if not isinstance(answer, dict):
        return ""
    for key in keys:
        said = answer.get(key)
        if isinstance(said, str) and said and (not starts or said.startswith(starts)):
            return said
    for key in ANSWER_KEYS:
        inner = answer.get(key)
        if isinstance(inner, dict | list):
            found = _text(inner, keys, starts, depth + 1)
            if found:
                return found
    return ""

"""OpenInference. Source: Arize-ai/openinference, spec/semantic_conventions.md.

``llm.token_count.prompt`` includes cached tokens.
"""

from __future__ import annotations

import re
from typing import Any

from ingest.attributes import loads
from ingest.conventions.answers import read_request
from ingest.conventions.convention import Attributes, Convention, Draft
from ingest.conventions.indexed import unflatten
from ingest.conventions.messages import messages_of

KINDS = {
    "llm": "llm",
    "embedding": "embedding",
    "chain": "chain",
    "retriever": "retrieval",
    "reranker": "reranker",
    "tool": "tool",
    "agent": "agent",
    "guardrail": "guardrail",
    "evaluator": "evaluator",
    "prompt": "prompt",
    "parser": "parser",
    "unknown": "other",
}

#: What is flattened; looked for once, since spans carry hundreds of such attributes.
_LISTS = (
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.prompts.",
    "llm.choices.",
    "llm.tools.",
    "retrieval.documents.",
    "reranker.output_documents.",
    "embedding.embeddings.",
)
#: What LangChain calls its agents; their nodes name themselves.
_AGENTS = ("langchain_create_agent", "langgraph_create_react_agent", "deepagents")
#: The provider's id of an answer, within the whole answer as JSON; LangChain's own ids (lc_run-…)
#: and those of tool calls and of parts are others.
_RESPONSE_ID = re.compile(r'"id": ?"((?:chatcmpl-|cmpl-|resp_|gen-)[^"\\]{4,120})"')
_MESSAGE_ID = re.compile(r'"id": ?"(msg_[^"\\]{4,120})"')


def content(attributes: Attributes, draft: Draft) -> None:
    """The lists that OpenInference flattens into attribute names."""
    flat = {name: value for name, value in attributes.items() if name.startswith(_LISTS)}
    for prefix, column in (
        ("llm.input_messages.", "input_messages"),
        ("llm.output_messages.", "output_messages"),
    ):
        found, names = unflatten(flat, prefix)
        if isinstance(found, list):
            messages = [_message(item) for item in found]
            if column == "input_messages" and any(map(_is_empty, messages)):
                # Content blocks are in the request alone.
                recorded = messages_of(attributes.get("input.value"))
                messages = recorded if len(recorded) >= len(messages) else messages
            draft.set(column, messages, *names)
    for prefix, column, role in (
        ("llm.prompts.", "input_messages", "user"),
        ("llm.choices.", "output_messages", "assistant"),
    ):
        found, names = unflatten(flat, prefix)
        if isinstance(found, list):
            inner = [item.get("prompt") or item.get("completion") for item in _dicts(found)]
            said = [{"role": role, "content": i.get("text")} for i in _dicts(inner)]
            draft.set(column, said, *names)
    found, names = unflatten(flat, "llm.tools.")
    if isinstance(found, list):
        tools = _dicts([item.get("tool") for item in _dicts(found)])
        draft.set("tool_definitions", [t.get("json_schema") or t for t in tools], *names)
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        found, names = unflatten(flat, prefix)
        if isinstance(found, list):
            # What a document's metadata says has no column: it stays in attributes.
            stored = [name for name in names if name.endswith((".content", ".score"))]
            draft.set("documents", found, *stored)
    found, names = unflatten(flat, "embedding.embeddings.")
    if isinstance(found, list):
        embedded = _dicts([item.get("embedding") for item in _dicts(found)])
        texts = [text for item in embedded if isinstance(text := item.get("text"), str)]
        draft.set("input", "\n".join(texts), *names)
    # The specification means a tool's schema by it, some instrumentations the arguments.
    parameters = attributes.get("tool.parameters")
    if "input.value" not in attributes and '"properties"' not in str(parameters):
        draft.set("tool_arguments", parameters, "tool.parameters")
    parameters = attributes.get("llm.invocation_parameters")
    if parameters and (draft.get("model") is None or '"system"' in str(parameters)):
        read_request(parameters, draft)
    if str(attributes.get("openinference.span.kind")).upper() == "AGENT":
        draft.set("agent_name", attributes.get("graph.node.id"))  # CrewAI
    answer = attributes.get("output.value")
    if isinstance(answer, str) and attributes.get("openinference.span.kind") == "LLM":
        found_id = _RESPONSE_ID.search(answer) or _MESSAGE_ID.search(answer)
        if found_id:
            draft.set("response_id", found_id[1])
    metadata = attributes.get("metadata")
    if isinstance(metadata, str):
        metadata = loads(metadata)
    if isinstance(metadata, dict):
        draft.set("agent_name", metadata.get("lc_agent_name"))
        if metadata.get("ls_integration") in _AGENTS and "langgraph_node" not in metadata:
            draft.values["step_kind"] = "agent"
        for key in ("session_id", "thread_id", "conversation_id"):
            draft.set("session_id", metadata.get(key))
        draft.set("user_id", metadata.get("user_id"))


def _is_empty(message: dict[str, Any]) -> bool:
    return not message.get("content") and not message.get("tool_calls") and len(message) > 1


def _message(item: Any) -> Any:
    """``{"message": {…, "tool_calls": [{"tool_call": …}]}}`` in the shape OpenAI uses."""
    inner = item.get("message") if isinstance(item, dict) else None
    if not isinstance(inner, dict):
        return {"role": "user", "content": item}
    calls = [call.get("tool_call", call) for call in _dicts(inner.get("tool_calls"))]
    contents = [_content(part) for part in _dicts(inner.get("contents"))]
    made = {
        "role": inner.get("role") or "assistant",
        "content": inner.get("content") or contents or None,
        "tool_calls": calls,
        "tool_call_id": inner.get("tool_call_id"),
        "name": inner.get("name"),
    }
    if inner.get("function_call_name"):
        made["function_call"] = {
            "name": inner["function_call_name"],
            "arguments": inner.get("function_call_arguments_json"),
        }
    return made


def _content(part: dict[str, Any]) -> dict[str, Any]:
    inner = part.get("message_content")
    made = dict(inner) if isinstance(inner, dict) else {}
    call = part.get("tool_call") or made.pop("tool_call", None)
    return {**made, **call, "type": "tool_use"} if isinstance(call, dict) else made


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


CONVENTION = Convention(
    name="openinference",
    evidence=(
        "openinference.span.kind",
        "llm.input_messages.*",
        "llm.output_messages.*",
        "llm.model_name",
        "llm.token_count.*",
        "retrieval.documents.*",
        "input.value",
        "output.value",
    ),
    columns=(
        ("input.value", "input"),
        ("output.value", "output"),
        ("reranker.query", "input"),
        ("embedding.text", "input"),
        ("llm.provider", "provider"),
        ("llm.system", "provider"),
        ("llm.response.model_name", "model"),
        ("llm.model_name", "model"),
        ("llm.request.model_name", "model"),
        ("embedding.model_name", "model"),
        ("reranker.model_name", "model"),
        ("llm.token_count.prompt", "input_tokens"),
        ("llm.token_count.completion", "output_tokens"),
        ("llm.token_count.prompt_details.cache_read", "cached_input_tokens"),
        ("llm.token_count.prompt_details.cache_write", "cache_write_tokens"),
        ("llm.token_count.completion_details.reasoning", "reasoning_tokens"),
        ("llm.token_count.prompt_details.audio", "input_audio_tokens"),
        ("llm.token_count.completion_details.audio", "output_audio_tokens"),
        ("llm.token_count.total", "total_tokens"),
        ("llm.finish_reason", "finish_reason"),
        ("llm.cost.total", "cost_usd"),
        ("tool.name", "tool_name"),
        ("agent.name", "agent_name"),
        ("prompt.id", "prompt_name"),
        ("llm.prompt_template.name", "prompt_name"),
        ("llm.prompt_template.version", "prompt_version"),
    ),
    kinds={"openinference.span.kind": KINDS},
    content=content,
    understood=(
        "llm.invocation_parameters",
        "llm.token_count.*",
        "llm.cost.*",
        "llm.finish_reason",
        "llm.function_call",
        "llm.tools.*",
        "llm.prompt_template.*",
        "llm.prompts*",
        "llm.choices*",
        "llm.input_messages.*",
        "llm.output_messages.*",
        "embedding.*",
        "retrieval.*",
        "reranker.*",
        "tool.*",
        "tool_call.*",
        "input.*",
        "output.*",
        "metadata",
        "graph.node.*",
        "smolagents.*",
        "agno.agent",
        "agno.agent.id",
        "agno.run.id",
        "agno.tools",
        "openinference.*",
        "agent.*",
        "prompt.*",
    ),
)

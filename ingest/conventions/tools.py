"""Tool definitions of any shape as ``[{"type", "name", "description", "parameters"}]``.

Source: gen_ai.tool.definitions of open-telemetry/semantic-conventions-genai. Read: that, OpenAI
(``function`` inside), Anthropic (``input_schema``), Vercel AI SDK (``inputSchema``), MCP, Gemini
(``functionDeclarations``), OpenInference (``tool.json_schema``).
"""

from __future__ import annotations

import re
from typing import Any

from ingest.attributes import loads

#: Keys with a definition inside: Bedrock Converse, Haystack.
_AROUND = ("toolSpec", "tool_spec", "data")
#: ``Tool(name='get_weather', description='Weather of a city.', …)``
_FIELD = re.compile(r"""\b(name|description)=(['"])(.*?)(?<!\\)\2""")
_PRINTED = 4096
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parameters_json_schema", "schema", "args")


def tool_definitions(value: Any) -> list[dict[str, Any]]:
    """Definitions in a value (JSON text, list, or a dict of name to definition); [] for none."""
    if isinstance(value, str):
        value = loads(value)
    if isinstance(value, dict):
        if not _is_definition(value):
            inner = value.get("tools") or value.get("functions")
            if isinstance(inner, list):
                return tool_definitions(inner)
            named = [{"name": k, **v} for k, v in value.items() if isinstance(v, dict)]
            return [_definition(item) for item in named if _is_definition(item)]
        value = [value]
    if not isinstance(value, list):
        return []
    found = []
    for item in value:
        if isinstance(item, str):
            item = loads(item) if item[:1] in ("{", '"') else _said_of_it(item)
        if not isinstance(item, dict):
            continue
        for key in _AROUND:
            inner = item.get(key)
            if isinstance(inner, dict) and inner.get("name"):
                item = inner
        declared = item.get("functionDeclarations") or item.get("function_declarations")
        if isinstance(declared, list):
            found += tool_definitions(declared)
        else:
            found.append(_definition(item))
    return found


def _said_of_it(text: str) -> dict[str, Any]:
    """Several frameworks say no more of a tool than its name, or how Python prints it."""
    if "name=" not in text[:_PRINTED]:
        return {"name": text}
    found = {key: value for key, _, value in _FIELD.findall(text[:_PRINTED])}
    return found if "name" in found else {"name": text}


def _is_definition(item: dict[str, Any]) -> bool:
    return isinstance(item.get("function"), dict) or (
        isinstance(item.get("name"), str) and ("description" in item or bool({*_SCHEMAS} & {*item}))
    )


def _definition(item: dict[str, Any]) -> dict[str, Any]:
    inner = item.get("function")
    inner = inner if isinstance(inner, dict) else item
    found: dict[str, Any] = {"type": str(item.get("type") or "function")}
    if found["type"] not in ("function", "provider", "custom", "tool"):
        return item  # a provider's built-in tool: keep what it says
    for key in ("name", "description"):
        if inner.get(key):
            found[key] = inner[key]
    for key in _SCHEMAS:
        schema = inner.get(key)
        schema = loads(schema) if isinstance(schema, str) else schema
        if isinstance(schema, dict):
            inside = schema.get("json")  # Bedrock
            schema = inside if isinstance(inside, dict) and len(schema) == 1 else schema
            found["parameters"] = schema
            break
    return found

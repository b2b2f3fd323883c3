"""The shape that the request itself asked for: response_format, output type, a JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from classify import messages
from classify.classifiers.instruction_following.check import Check
from classify.classifiers.instruction_following.json_format import is_json
from classify.classifiers.tool_call_error.definitions import schema_breach
from clickhouse.span import Span

#: Attributes that hold the format, or an object that has it.
_ATTRIBUTES = (
    "gen_ai.output.type",
    "gen_ai.request.response_format",
    "gen_ai.openai.request.response_format",
    "gen_ai.request.structured_output_schema",
    "llm.request.structured_output_schema",
    "llm.invocation_parameters",
    "llm.response_format",
    "gen_ai.request.parameters",
    "langfuse.observation.model.parameters",
    "ai.schema",
    "response_format",
)
_SCHEMAS = frozenset(("gen_ai.request.structured_output_schema",
    "llm.request.structured_output_schema", "ai.schema"))  # fmt: skip
#: Where parameters have it, whoever's they are.
_FIELDS = (
    "response_format",
    "text",
    "format",
    "output_config",
    "output_format",
    "generation_config",
)
_SCHEMA_FIELDS = (
    "json_schema",
    "schema",
    "response_schema",
    "responseSchema",
    "response_json_schema",
)
_MOST_NESTED = 4


def checks(span: Span) -> list[Check]:
    """What the step's attributes ask of its output; at most one check."""
    for name in _ATTRIBUTES:
        value: Any = span.attributes.get(name, "")
        if not value:
            continue
        if name in _SCHEMAS:
            schema = messages.decode(value)
            if isinstance(schema, dict):
                return [_schema(name, schema)]
            continue
        decoded = messages.decode(value) if value[:1] in '{["' else value
        found = next(_formats(decoded, 0), None)
        if found is not None:
            return [_schema(name, found) if found else _any(name, value)]
    return []


def _formats(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The schema, {} where any JSON will do; nothing where it is no JSON that was asked for."""
    if isinstance(value, str):
        if value.strip().lower() in ("json", "json_object", "application/json"):
            yield {}
        return
    if not isinstance(value, dict) or depth > _MOST_NESTED:
        return
    for field in _SCHEMA_FIELDS:
        held = value.get(field)
        if isinstance(held, dict):
            inner = held.get("schema")
            yield inner if isinstance(inner, dict) else held
            return
    kind = value.get("type") or value.get("response_mime_type") or value.get("responseMimeType")
    if kind in ("json_object", "json", "application/json"):
        yield {}
        return
    for field in _FIELDS:
        yield from _formats(value.get(field), depth + 1)


def _any(name: str, value: str) -> Check:
    said = f"{name}: {' '.join(value.split())[:80]}"
    return Check("JSON", said, lambda o: "" if is_json(o) else "the output is not JSON")


def _schema(name: str, schema: dict[str, Any]) -> Check:
    def wrong(output: str) -> str:
        if not is_json(output):
            return "the output is not JSON"
        bare = output.strip()
        if bare.startswith("```"):
            bare = bare[bare.find("\n") + 1 : -3] if "\n" in bare else bare.strip("`")
        try:
            value = json.loads(bare)
        except (ValueError, RecursionError):
            return ""
        return schema_breach(schema, value)

    title = schema.get("title")
    return Check("JSON schema", f"{name}: {title}" if isinstance(title, str) else name, wrong)

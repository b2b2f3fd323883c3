"""Tool definitions as recorded, and arguments checked against their JSON schema.

Schemas come from traces, so they are input like any other: nothing is fetched, size and depth have
bounds, a run has a budget of keywords, and a regular expression that could take long is left out.
A schema that is broken judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry

from classify import messages

_MAX_DEFINITIONS = 1_000_000
_MAX_SCHEMA = 64_000
_MAX_DEPTH = 32
_MAX_KEYWORDS = 20_000
_MAX_PATTERN = 128
_MAX_PATTERN_INPUT = 512
_MAX_UNIQUE_ITEMS = 500

_budget: ContextVar[list[int]] = ContextVar("keywords left in this run")


class TooCostly(Exception):
    """A schema takes more keywords than the budget."""


@dataclass(slots=True, frozen=True)
class Tool:
    """``schema``: None where there is none that can be used."""

    name: str
    schema: dict[str, Any] | None
    _validator: Any

    @property
    def properties(self) -> frozenset[str]:
        """Names of the arguments, where the schema lists them."""
        found = self.schema.get("properties") if self.schema else None
        return frozenset(found) if isinstance(found, dict) else frozenset()

    def breach(self, arguments: Any) -> ValidationError | None:
        """The error that says most, None where the arguments fit or nothing can be said."""
        if self._validator is None:
            return None
        token = _budget.set([_MAX_KEYWORDS])
        try:
            found: ValidationError | None = best_match(self._validator.iter_errors(arguments))
        except Exception:
            # A broken or hostile schema: unresolvable reference, circle, number too large, …
            return None
        finally:
            _budget.reset(token)
        return found


def _counted(keyword: str, check: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
    def run(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = _budget.get()
        budget[0] -= 1
        if budget[0] < 0:
            raise TooCostly
        if keyword == "pattern" and isinstance(instance, str):
            if len(instance) > _MAX_PATTERN_INPUT:
                return
        elif (
            keyword == "uniqueItems"
            and isinstance(instance, list)
            and len(instance) > _MAX_UNIQUE_ITEMS
        ):
            return
        yield from check(validator, value, instance, schema) or ()

    return run


_Bounded = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        keyword: _counted(keyword, check)
        for keyword, check in Draft202012Validator.VALIDATORS.items()
    },
)
_NOTHING_FETCHED: Registry[Any] = Registry()


def tools(text: str) -> dict[str, Tool]:
    """Name to tool for a recorded ``tool_definitions``; {} where it can't be read.

    Known shapes: OpenAI's {"type": "function", "function": {name, parameters}}, flat ones with
    parameters, input_schema, inputSchema or jsonSchema, Gemini's function_declarations, Bedrock's
    {"toolSpec": {name, inputSchema: {"json": …}}}, OpenInference's {"tool": {"json_schema": …}},
    and an object of definitions by name. A provider's own tool without a name
    ({"type": "web_search"}) goes by its type.
    """
    return _read(text)[0]


def all_known(text: str) -> bool:
    """Whether every definition in it could be read: only then is a name that is not among them
    unknown to the model."""
    return _read(text)[1]


@lru_cache(maxsize=512)
def _read(text: str) -> tuple[dict[str, Tool], bool]:
    if not text or len(text) > _MAX_DEFINITIONS:
        return {}, False
    value = messages.decode(text)
    if isinstance(value, dict):
        inner = value.get("tools")
        if isinstance(inner, (list, dict)):
            value = inner
    if isinstance(value, dict):
        value = _by_name(value)
    if not isinstance(value, list):
        return {}, False
    found: dict[str, Tool] = {}
    complete = True
    for item in value:
        read = [_tool(definition) for definition in _flat(item, 0)]
        complete = complete and bool(read) and None not in read
        for tool in read:
            if tool is not None:
                found.setdefault(tool.name, tool)
    return found, complete


#: What holds a definition one level down.
_HOLDERS = (
    "function",
    "toolSpec",
    "tool_spec",
    "tool",
    "custom",
    "spec",
    "json_schema",
    "definition",
)
_MOST_NESTED = 4


def _by_name(value: dict[str, Any]) -> list[Any]:
    """The definitions of an object that is one, or has them by name."""
    single = any(key in value for key in ("name", "type", *_HOLDERS, *_SCHEMAS))
    if single or not all(isinstance(each, dict) for each in value.values()):
        return [value]
    return [{"name": name} | each for name, each in value.items()]


def _flat(item: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(item, str):
        item = messages.decode(item)
    if not isinstance(item, dict):
        return
    for key in ("function_declarations", "functionDeclarations"):
        declarations = item.get(key)
        if isinstance(declarations, list):
            yield from (each for each in declarations if isinstance(each, dict))
            return
    if not isinstance(item.get("name"), str):
        for key in _HOLDERS:
            inner = item.get(key)
            if isinstance(inner, str) and inner[:1] == "{":
                inner = messages.decode(inner)
            if isinstance(inner, dict) and depth < _MOST_NESTED:
                yield from _flat(inner, depth + 1)
                return
    yield item


#: Where a definition has its schema.
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "jsonSchema", "json_schema", "schema")


def _tool(definition: dict[str, Any]) -> Tool | None:
    name = definition.get("name") or definition.get("type")
    if not isinstance(name, str) or not name or name in ("function", "object", "tool"):
        return None
    for key in _SCHEMAS:
        schema = definition.get(key)
        if isinstance(schema, str):
            schema = messages.decode(schema)
        if isinstance(schema, dict):
            inner = schema.get("jsonSchema") or schema.get("json")
            if isinstance(inner, str):
                inner = messages.decode(inner)
            if isinstance(inner, dict) and "type" not in schema:
                schema = inner
            usable = _usable(schema)
            return Tool(name, usable, _validator(usable))
    return Tool(name, None, None)


def schema_breach(schema: dict[str, Any], value: Any) -> str:
    """The error that says most where a value breaks a schema, '' where it fits or nothing can be
    said: 'answer.days: 'x' is not of type 'integer''."""
    usable = _usable(schema)
    error = Tool("", usable, _validator(usable)).breach(value)
    if error is None:
        return ""
    place = ".".join(["output", *(str(part) for part in error.absolute_path)])
    return f"{place}: {error.message[:200]}"


def _usable(schema: dict[str, Any]) -> dict[str, Any] | None:
    if len(messages.encode(schema)) > _MAX_SCHEMA:
        return None
    try:
        cleaned = _cleaned(schema, 0)
    except TooCostly:
        return None
    return cleaned if isinstance(cleaned, dict) else None


def _validator(schema: dict[str, Any] | None) -> Any:
    if not schema:
        return None
    try:
        Draft202012Validator.check_schema(schema)
        return _Bounded(schema, registry=_NOTHING_FETCHED)
    except Exception:
        # Whatever is wrong with it, it is no schema to hold arguments against.
        return None


def _cleaned(node: Any, depth: int, *, names: bool = False) -> Any:
    """The schema without what is costly, in Draft 2020-12's words.

    ``names``: the keys of this object are the schema's own names (properties), not keywords.
    """
    if depth > _MAX_DEPTH:
        raise TooCostly
    if isinstance(node, list):
        return [_cleaned(item, depth + 1) for item in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {}
    for key, value in node.items():
        if not names:
            if key in ("enum", "const", "default", "examples"):
                found[key] = value
                continue
            if key in ("$schema", "$id", "$dynamicRef", "patternProperties"):
                continue
            if key == "pattern" and not (isinstance(value, str) and is_time_safe(value)):
                continue
            if key == "type":
                value = _lower(value)
        inner_names = not names and key in ("properties", "$defs", "definitions")
        found[key] = _cleaned(value, depth + 1, names=inner_names)
    if not names:
        if "patternProperties" in node:
            found.pop("additionalProperties", None)
            found.pop("unevaluatedProperties", None)
        if node.get("nullable") is True and isinstance(found.get("type"), str):
            # OpenAPI 3.0's word, used by Gemini.
            found["type"] = [found["type"], "null"]
            if isinstance(found.get("enum"), list):
                found["enum"] = [*found["enum"], None]
        for bound in ("exclusiveMinimum", "exclusiveMaximum"):
            # Draft 4 had flags here.
            if isinstance(found.get(bound), bool):
                del found[bound]
    return found


def _lower(value: Any) -> Any:
    """Gemini writes types in capitals."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return [item.lower() if isinstance(item, str) else item for item in value]
    return value


_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_VARIABLE = re.compile(r"[*+?]|\{\d*,\d*\}")


def is_time_safe(pattern: str) -> bool:
    """Whether a pattern's worst case on 512 characters is far under a millisecond's order: no
    repeated groups, no back-references, at most two repetitions of open length."""
    if len(pattern) > _MAX_PATTERN or re.search(r"\\[1-9]|\(\?P=", pattern):
        return False
    skeleton = _CLASS.sub("c", re.sub(r"\\.", "e", pattern))
    if re.search(r"\)[*+{]", skeleton):
        return False
    return len(_VARIABLE.findall(skeleton.replace("(?", "("))) <= 2

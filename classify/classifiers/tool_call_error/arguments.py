"""The arguments of a call: decoded, and held against the tool's schema."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError

from classify import messages
from classify.classifiers.tool_call_error.definitions import Tool

#: Longer arguments are not judged: they may have been cut at ingest.
_MAX_ARGUMENTS = 64_000
#: Of an object written as Python does.
_MAX_LITERAL = 8_000
#: Ingest cuts long content and leaves a mark that says so.
_CUT = re.compile(
    r"(?i)(?:truncated|cut|missing|more characters|more bytes|…|\.\.\.)[^{}\"]{0,60}$"
)
#: Objects in which frameworks record the arguments.
_WRAPPERS = ("kwargs", "arguments", "args", "input", "params", "parameters", "tool_input")
#: What frameworks pass beside the model's arguments.
_INJECTED = frozenset(
    "state runtime config store tool_call_id ctx context self run_context run_manager callbacks "
    "tool_context injected_state session options".split()
)


@dataclass(slots=True, frozen=True)
class Arguments:
    """``value``: the decoded object, None where there is nothing to judge. ``error``: why the text
    isn't JSON, '' where it is or nothing can be said."""

    value: dict[str, Any] | None = None
    error: str = ""


def read(raw: Any) -> Arguments:
    """Arguments as recorded: an object, its JSON, or Python's way of writing it."""
    if isinstance(raw, dict):
        return Arguments(raw)
    if not isinstance(raw, str) or len(raw) > _MAX_ARGUMENTS:
        return Arguments()
    text = raw.strip()
    if not text:
        return Arguments({})
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _not_json(text, error)
    if isinstance(value, str) and value[:1] == "{":
        return read(value)
    return Arguments(value if isinstance(value, dict) else None)


def literal(text: str) -> Any:
    """An object as Python writes it; None where it is none, or is long."""
    try:
        return ast.literal_eval(text) if len(text) < _MAX_LITERAL else None
    except Exception:
        # Whatever is wrong with it, it is read as text.
        return None


def _not_json(text: str, error: Exception) -> Arguments:
    if _CUT.search(text[-120:]):
        return Arguments()
    if text[0] in "{[":
        value = literal(text)
        if isinstance(value, dict):
            return Arguments({str(key): item for key, item in value.items()})
        # Objects written as Python does can't all be read back.
        if re.match(r"\{'|\{[a-z_]+=|\[\w+\(", text):
            return Arguments()
    said = str(error) if isinstance(error, ValueError) else "nested too deep"
    return Arguments(error=f"not JSON: {said}: {messages.encode(text)[:120]}")


def unwrapped(value: dict[str, Any], tool: Tool) -> dict[str, Any]:
    """The model's arguments out of what a framework recorded for a tool that has run."""
    known = tool.properties
    for _ in range(2):
        inner = [name for name in _WRAPPERS if name in value and name not in known]
        if not inner or any(name in known for name in value):
            break
        held = [value[name] for name in inner if isinstance(value[name], dict)]
        if not held:
            break
        value = held[0]
    return {name: item for name, item in value.items() if name in known or name not in _INJECTED}


def breach(value: dict[str, Any], tool: Tool, *, ran: bool) -> tuple[float, str] | None:
    """(score, reason) where the arguments break the schema.

    ``ran``: the tool ran with them and did not fail, so that what frameworks put right on the way
    (null for an argument that may be left out) is no error.
    """
    error = tool.breach(value)
    if error is None:
        return None
    place = ".".join(["arguments", *(str(part) for part in error.absolute_path)])
    reason = f"{place}: {_message(error)}"
    if ran and _is_null_for_optional(error, tool):
        return None
    coerced = error.validator == "type" and _is_coercible(error)
    extra = error.validator == "additionalProperties"
    if ran:
        return (0.55 if coerced or extra else 0.7), reason
    return (0.65 if coerced or extra else 0.9), reason


def _message(error: ValidationError) -> str:
    message = error.message
    return message if len(message) <= 200 else f"{message[:199]}…"


def _is_null_for_optional(error: ValidationError, tool: Tool) -> bool:
    path = list(error.absolute_path)
    required = (tool.schema or {}).get("required")
    return (
        error.instance is None
        and len(path) == 1
        and path[0] not in (required if isinstance(required, list) else ())
    )


def _is_coercible(error: ValidationError) -> bool:
    """ "5" for 5, 5 for "5", "true" for true."""
    wanted = error.validator_value
    value = error.instance
    if wanted in ("integer", "number"):
        return (
            isinstance(value, str) and re.fullmatch(r"-?\d{1,18}(?:\.\d{1,18})?", value) is not None
        )
    if wanted == "boolean":
        return isinstance(value, str) and value.lower() in ("true", "false")
    return wanted == "string" and isinstance(value, (int, float))

"""Reads from the result of a call whether it failed, by the rules of failure_text.yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from classify import messages

RULES_FILE = Path(__file__).with_name("failure_text.yaml")

_EDGE = 400
#: Objects are entered down to here: {"result": {"content": [{"text": …}]}}.
_MAX_DEPTH = 4
_MAX_ITEMS = 8
#: Longer results are read as text, not parsed: failures are short.
_MAX_JSON = 2_000_000
#: Quotes, brackets, Markdown and signs before the first word.
_BEFORE_WORDS = "\"'`[(*#>-!⚠❗✗✘️ \t\n"
_EMPTY_DETAIL = frozenset(("", "none", "null"))


@dataclass(slots=True, frozen=True)
class Failure:
    """``score``: 0 to 1. ``reason``: what says so, quoted, with its field's name."""

    score: float
    reason: str


class _Pattern(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pattern: re.Pattern[str]
    score: float
    max_length: int = 1_000_000_000


class FailureRules(BaseModel):
    """failure_text.yaml; what each field means is written there."""

    model_config = ConfigDict(extra="forbid")

    flags: dict[str, float]
    success_flags: dict[str, float]
    code_field: re.Pattern[str]
    errors: dict[str, float]
    status_fields: frozenset[str]
    status_words: dict[str, float]
    weak_status_words: dict[str, float]
    reasons: frozenset[str]
    http_status_fields: frozenset[str]
    wrappers: frozenset[str]
    text_fields: frozenset[str]
    empty: frozenset[str]
    start: list[_Pattern]
    line: list[_Pattern]
    control_flow: frozenset[str]
    framework_tools: frozenset[str]
    content_tools: re.Pattern[str]


@cache
def rules() -> FailureRules:
    """Raises pydantic's ValidationError naming the field of a broken file."""
    return FailureRules.model_validate(yaml.safe_load(RULES_FILE.read_text("utf-8")))


def failure_in(result: str, tool_name: str = "") -> Failure | None:
    """The clearest sign of failure in a recorded result, None for none."""
    text = result.strip()
    if not text:
        return None
    foreign = rules().content_tools.search(tool_name) is not None
    if text[0] in '{["' and len(text) <= _MAX_JSON:
        value = messages.decode(text)
        if value is not None:
            return _in_value(value, foreign, 0)
    return _in_text(text, foreign)


def _in_value(value: Any, foreign: bool, depth: int) -> Failure | None:
    if isinstance(value, str):
        return _in_text(value.strip(), foreign) if value else None
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return _in_object(value, foreign, depth)
    if isinstance(value, list) and _is_content_list(value):
        for item in value[:_MAX_ITEMS]:
            text = item.get("text") or item.get("content")
            failure = _in_value(_decoded(text), foreign, depth + 1)
            if failure is not None:
                return failure
    return None


def _is_content_list(value: list[Any]) -> bool:
    """MCP's and LangChain's content: [{"type": "text", "text": …}]. Any other list is data."""
    return bool(value) and all(
        isinstance(item, dict) and item.get("type") == "text" for item in value[:_MAX_ITEMS]
    )


def _decoded(text: Any) -> Any:
    if isinstance(text, str) and text[:1] in ("{", "[") and len(text) <= _MAX_JSON:
        value = messages.decode(text)
        return text if value is None else value
    return text


def _in_object(value: dict[Any, Any], foreign: bool, depth: int) -> Failure | None:
    known = rules()
    fields = {_plain(name): (name, item) for name, item in value.items() if isinstance(name, str)}
    found: list[Failure] = []
    for plain, (name, item) in fields.items():
        score = known.flags.get(plain)
        if score is not None and item is True:
            found.append(_told(score, name, item, fields))
        score = known.success_flags.get(plain)
        if score is not None and item is False:
            found.append(_told(score, name, item, fields))
        score = known.errors.get(plain)
        if score is not None and _is_error(plain, item, fields):
            partial = any(p in fields and fields[p][1] for p in ("data", "results", "items"))
            score = 0.6 if partial else score
            # A flag or a code alone says little.
            bare = isinstance(item, (bool, int, float))
            quoted = Failure(score, _quoted(name, item))
            found.append(_told(score, name, item, fields) if bare else quoted)
        if plain in known.status_fields or plain in known.http_status_fields:
            failure = _in_status(plain, name, item, fields)
            if failure is not None:
                found.append(failure)
        coded = plain in ("code", "errorcode") and isinstance(item, str) and "message" in fields
        if coded and known.code_field.search(item):
            found.append(_told(0.75, name, item, fields))
    exit_failure = _in_exit_code(fields)
    if exit_failure is not None:
        found.append(exit_failure)
    if found:
        return max(found, key=lambda failure: failure.score)
    for plain, (_, item) in fields.items():
        if plain in known.wrappers and isinstance(item, (dict, list)):
            failure = _in_value(item, foreign, depth + 1)
        elif plain in known.text_fields and isinstance(item, str) and len(fields) <= 3:
            inner = _decoded(item)
            failure = (
                _in_text(item.strip(), foreign)
                if isinstance(inner, str)
                else _in_value(inner, foreign, depth + 1)
            )
        else:
            continue
        if failure is not None:
            return failure
    return _in_langchain_message(fields)


def _in_langchain_message(fields: dict[str, tuple[str, Any]]) -> Failure | None:
    """A ToolMessage says status 'error' beside its content; covered unless it has an id."""
    if fields.get("type", ("", ""))[1] == "tool" and fields.get("status", ("", ""))[1] == "error":
        return _told(0.95, "status", "error", fields)
    return None


def _is_error(plain: str, item: Any, fields: dict[str, tuple[str, Any]]) -> bool:
    if isinstance(item, str):
        return item.strip().lower().rstrip(".") not in rules().empty
    if isinstance(item, bool):
        return item
    if isinstance(item, (int, float)):
        # "error": 0.03 is a measure; a code says what it means, or is an HTTP status.
        if plain == "errors":
            return False
        explained = any(reason in fields for reason in rules().reasons - {plain})
        return bool(item) and (explained or 400 <= item <= 599)
    if isinstance(item, dict):
        return any(part not in (None, "", 0, False, [], {}) for part in item.values())
    return bool(item)


def _in_status(
    plain: str, name: str, item: Any, fields: dict[str, tuple[str, Any]]
) -> Failure | None:
    known = rules()
    if isinstance(item, bool) or not isinstance(item, (str, int)):
        return None
    if isinstance(item, int) or item.isdigit():
        # "status": 450 may count anything; with a name for it, or a reason beside it, it is HTTP's.
        sure = plain in known.http_status_fields or any(
            reason in fields for reason in known.reasons
        )
        sure = sure or "title" in fields
        if sure and len(str(item)) == 3 and 400 <= int(item) <= 599:
            return _told(0.85, name, item, fields)
        return None
    word = item.strip().lower().replace(" ", "_").replace("-", "_")
    if plain not in known.status_fields:
        return None
    has_id = any(field == "id" or field.endswith("id") for field in fields if field != "toolcallid")
    if word in known.status_words and not (has_id and len(fields) > 4):
        return _told(known.status_words[word], name, item, fields)
    explained = any(reason in fields and fields[reason][1] for reason in known.reasons)
    if word in known.weak_status_words and explained and not has_id and len(fields) <= 5:
        return _told(known.weak_status_words[word], name, item, fields)
    return None


def _in_exit_code(fields: dict[str, tuple[str, Any]]) -> Failure | None:
    """126 and 127: not run. 124, 137, 143 and negative: killed. Other codes are an answer (a test
    that fails, a search without a hit) unless the command complains."""
    for plain in ("exitcode", "returncode", "exitstatus"):
        if plain not in fields:
            continue
        name, code = fields[plain]
        if isinstance(code, bool) or not isinstance(code, int) or code == 0:
            return None
        if code < 0 or code in (124, 126, 127, 137, 139, 143):
            return _told(0.9, name, code, fields)
        complaint = fields.get("stderr", ("", ""))[1]
        if isinstance(complaint, str) and complaint.strip():
            return Failure(0.7, f"{name}: {code}, stderr: {_short(complaint)}")
    return None


def _in_text(text: str, foreign: bool) -> Failure | None:
    known = rules()
    head = text[:_EDGE].lstrip(_BEFORE_WORDS)
    for rule in known.start:
        if len(text) <= rule.max_length and rule.pattern.match(head):
            # Prose that starts with the word is an article; a failure is short.
            if foreign and len(text) > 4 * _EDGE:
                return Failure(min(rule.score, 0.45), _quoted("result", text))
            return Failure(rule.score, _quoted("result", text))
    edges = [head] if len(text) <= _EDGE else [head, text[-_EDGE:]]
    for place, edge in enumerate(edges):
        lines = edge.split("\n")
        for number, line in enumerate(lines[1:] if place else lines):
            if foreign and (place or number):
                return None
            for rule in known.line:
                if rule.pattern.match(line):
                    return Failure(rule.score, _quoted("result", text if not place else line))
    return None


def _told(score: float, name: str, item: Any, fields: dict[str, tuple[str, Any]]) -> Failure:
    """The field and, where the object says so, why."""
    reason = _quoted(name, item)
    for other in ("error", "message", "msg", "reason", "detail", "content", "text", "stderr"):
        said = fields.get(other)
        if said is not None and said[0] != name and isinstance(said[1], (str, dict, list)):
            text = messages.encode(said[1])
            if text.strip().lower() not in _EMPTY_DETAIL:
                return Failure(score, f"{reason}, {_quoted(said[0], said[1])}")
    return Failure(score, reason)


def _quoted(name: str, item: Any) -> str:
    return f"{name}: {_short(messages.encode(item))}"


def _short(text: str) -> str:
    text = " ".join(text[:800].split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")

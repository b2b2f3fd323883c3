"""Reads from the result of a call whether it failed, by the rules of failure_text.yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from classify import messages
from classify.classifiers.tool_call_error.arguments import literal
from classify.classifiers.tool_call_error.commands import command_of, is_answer, shows_text
from classify.classifiers.tool_call_error.exit_codes import exit_in
from classify.classifiers.tool_call_error.failure_rules import rules

_EDGE = 400
#: Objects are entered down to here: {"result": {"content": [{"text": …}]}}.
_MAX_DEPTH = 4
_MAX_ITEMS = 8
#: Longer results are read as text, not parsed: failures are short.
_MAX_JSON = 2_000_000
#: Exit codes that no program gives as an answer: not executable, not found, timed out, killed.
_NOT_RUN = frozenset((124, 126, 127, 134, 137, 139, 143))
_EXIT_FIELDS = frozenset(("exitcode", "returncode", "exitstatus"))
#: Quotes, brackets, Markdown and signs before the first word.
_BEFORE_WORDS = "\"'`[(*#>-!⚠❗✗✘️ \t\n"
_EMPTY_DETAIL = frozenset(("", "none", "null"))


@dataclass(slots=True, frozen=True)
class Failure:
    """``score``: 0 to 1. ``reason``: what says so, quoted, with its field's name."""

    score: float
    reason: str


class Whose(Enum):
    """Whose words a result is: the tool's own; other people's (a page, a mail, a document), before
    which the tool may still say that it failed; what a command found and printed as it is."""

    OWN = "own"
    FOREIGN = "foreign"
    PRINTED = "printed"


@dataclass(slots=True, frozen=True)
class _Call:
    """What is known of the call whose result is read."""

    whose: Whose
    command: str
    edits: bool


def failure_in(result: str, tool_name: str = "", arguments: Any = None) -> Failure | None:
    """The clearest sign of failure in a recorded result, None for none."""
    text = result.strip()
    if not text:
        return None
    call = _call(tool_name, arguments)
    if text[0] in '{["' and len(text) <= _MAX_JSON:
        value = messages.decode(text)
        if value is None and text[:2] in ("{'", "[{"):
            value = literal(text)
        if value is not None:
            return _in_value(value, call, 0)
    return _in_text(text, call)


def _call(tool_name: str, arguments: Any) -> _Call:
    known = rules()
    command = command_of(arguments)
    edits = known.edit_tools.search(tool_name) is not None
    if edits and command.lower() in ("view", "read", "open", "cat"):
        # Editors of several commands: this one shows a file.
        return _Call(Whose.FOREIGN, "", False)
    if command and shows_text(command):
        return _Call(Whose.PRINTED, command, False)
    foreign = not (command or edits) and known.content_tools.search(tool_name) is not None
    return _Call(Whose.FOREIGN if foreign else Whose.OWN, command, edits)


def _in_value(value: Any, call: _Call, depth: int) -> Failure | None:
    if isinstance(value, str):
        return _in_text(value.strip(), call) if value else None
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return _in_object(value, call, depth)
    if isinstance(value, list) and _is_content_list(value):
        for item in value[:_MAX_ITEMS]:
            text = item.get("text") or item.get("content")
            failure = _in_value(_decoded(text), call, depth + 1)
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


def _in_object(value: dict[Any, Any], call: _Call, depth: int) -> Failure | None:
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
    ended, exit_failure = _in_exit_code(fields, call.command)
    if exit_failure is not None:
        found.append(exit_failure)
    found += _in_parts(fields, call.command)
    if found:
        return max(found, key=lambda failure: failure.score)
    if ended or any(fields[name][1] is True for name in known.success_flags if name in fields):
        # It says that it went well, whatever was printed.
        return None
    for plain, (_, item) in fields.items():
        if plain in known.wrappers and isinstance(item, (dict, list)):
            failure = _in_value(item, call, depth + 1)
        elif plain in known.text_fields and isinstance(item, str) and len(fields) <= 3:
            inner = _decoded(item)
            failure = (
                _in_text(item.strip(), call)
                if isinstance(inner, str)
                else _in_value(inner, call, depth + 1)
            )
        else:
            continue
        if failure is not None:
            return failure
    return _in_langchain_message(fields)


def _in_parts(fields: dict[str, tuple[str, Any]], command: str) -> list[Failure]:
    """Shapes that take more than one field: a code with its reason, a list of invalid fields, what
    a program complained of, metadata beside the output."""
    found = []
    name, code = fields.get("code", ("", None))
    explained = any(fields[r][1] for r in ("message", "msg", "error", "reason") if r in fields)
    if isinstance(code, int) and 400 <= code <= 599 and explained:
        found.append(_told(0.8, name, code, fields))
    name, detail = fields.get("detail", ("", None))
    first = detail[0] if isinstance(detail, list) and detail else None
    if isinstance(first, dict) and "loc" in first and "msg" in first:
        # FastAPI's answer to what it can't read.
        found.append(Failure(0.85, _quoted(name, detail)))
    name, complaint = fields.get("stderr", ("", None))
    if (
        isinstance(complaint, str)
        and not _EXIT_FIELDS & fields.keys()
        and (line := _complaint(complaint))
    ):
        found.append(Failure(0.8, _quoted(name, line)))
    name, metadata = fields.get("metadata", ("", None))
    if isinstance(metadata, dict):
        inner = {_plain(k): (k, v) for k, v in metadata.items() if isinstance(k, str)}
        failure = _in_exit_code(fields | inner, command)[1]
        if failure is not None:
            found.append(failure)
    return found


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


def _in_exit_code(fields: dict[str, tuple[str, Any]], command: str) -> tuple[bool, Failure | None]:
    """(whether a code is stated, the failure). 126 and 127: not run. 124, 137, 143 and negative:
    killed. Other codes may be an answer (a search without a hit); where the command is not known,
    they are unless it complains."""
    for plain in _EXIT_FIELDS & fields.keys():
        name, code = fields[plain]
        if isinstance(code, str) and re.fullmatch(r"-?\d{1,9}", code):
            code = int(code)
        if isinstance(code, bool) or not isinstance(code, int):
            return False, None
        if code == 0:
            return True, None
        if code < 0 or code in _NOT_RUN:
            return True, _told(0.9, name, code, fields)
        if command and is_answer(command, code):
            return True, None
        complaint = fields.get("stderr", ("", ""))[1]
        if isinstance(complaint, str) and complaint.strip():
            return True, Failure(0.75, f"{name}: {code}, stderr: {_short(complaint)}")
        printed = next((fields[f][1] for f in ("output", "stdout") if f in fields), "")
        line = _complaint(printed) if isinstance(printed, str) else ""
        if line:
            return True, Failure(0.75, f"{name}: {code}, {_quoted('output', line)}")
        if command:
            return True, _told(0.7, name, code, fields)
        return True, None
    return False, None


def _complaint(text: str) -> str:
    """The first line that only a failing program prints, '' where there is none."""
    for line in text[:_EDGE].split("\n") + text[-_EDGE:].split("\n"):
        if any(rule.pattern.match(line) for rule in rules().line):
            return line
    return ""


def _in_text(text: str, call: _Call) -> Failure | None:
    known = rules()
    head = text[:_EDGE].lstrip(_BEFORE_WORDS)
    stated = exit_in(text, first_line_only=call.whose is not Whose.OWN)
    if stated is not None:
        if stated.code == 0:
            return None
        if call.command and is_answer(call.command, stated.code):
            return None
        quote = "" if text.startswith(stated.line) else f", {_quoted('result', text)}"
        told = _quoted("result", text) if not quote else f"result: {stated.line}{quote}"
        return Failure(0.9 if stated.code in _NOT_RUN or stated.code < 0 else 0.8, told)
    rulings = known.start + (known.edit if call.edits else [])
    for rule in rulings:
        if call.whose is Whose.PRINTED and not rule.shell:
            continue
        if len(text) <= rule.max_length and rule.pattern.match(head):
            # Prose that starts with the word is an article; a failure is short.
            if call.whose is Whose.FOREIGN and len(text) > 4 * _EDGE:
                return Failure(min(rule.score, 0.45), _quoted("result", text))
            return Failure(rule.score, _quoted("result", text))
    edges = [head] if len(text) <= _EDGE else [head, text[-_EDGE:]]
    for place, edge in enumerate(edges):
        lines = edge.split("\n")
        for number, line in enumerate(lines[1:] if place else lines):
            if call.whose is not Whose.OWN and (place or number):
                return None
            for rule in known.line:
                if call.whose is Whose.PRINTED and not rule.shell:
                    continue
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

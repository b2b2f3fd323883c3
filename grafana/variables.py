"""Dashboard variables in SQL, filled in as Grafana's front end and the ClickHouse plugin's do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

Values = Mapping[str, str | Sequence[str]]

ALL = "$__all"

_CONDITIONAL = "$__conditionalAll("
_NAMED = re.compile(r"(?<=\$\{)\w+(?=\})|(?<=\$)\w+")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<format>\w+))?\}|\$(?!__)(?P<bare>[A-Za-z]\w*)")


class VariableError(ValueError):
    """A variable that the dashboard does not have, or a format that is not known here."""


def fill(sql: str, values: Values) -> str:
    """``values``: name to text, texts, or ALL. Raises VariableError.

    ``$__conditionalAll(condition, $variable)`` becomes 1=1 where the variable is ALL or empty
    (CHDatasource.applyConditionalAll); then variables are replaced.
    """
    return _VARIABLE.sub(lambda m: _value(m, values), _conditions(sql, values))


def _conditions(sql: str, values: Values) -> str:
    start = sql.rfind(_CONDITIONAL)
    while start != -1:
        arguments, end = _arguments(sql, start + len(_CONDITIONAL) - 1)
        if len(arguments) != 2:
            raise VariableError(
                f"$__conditionalAll takes condition and variable, not {len(arguments)} arguments"
            )
        condition, variable = arguments
        named = _NAMED.search(variable.strip())
        if named is None or named[0] not in values:
            raise VariableError(f"$__conditionalAll: no variable {variable.strip()}")
        if _text(values[named[0]]) in ("", ALL):
            condition = "1=1"
        sql = sql[:start] + condition + sql[end:]
        start = sql.rfind(_CONDITIONAL)
    return sql


def _arguments(sql: str, start: int) -> tuple[list[str], int]:
    depth, begin, found = 0, start + 1, []
    for match in re.compile(r"[(),]").finditer(sql, start):
        depth += {"(": 1, ")": -1, ",": 0}[match[0]]
        if (match[0] == "," and depth == 1) or depth == 0:
            found.append(sql[begin : match.start()])
            begin = match.end()
        if depth == 0:
            return found, match.end()
    raise VariableError("the parenthesis of $__conditionalAll is never closed")


def _text(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ",".join(value)


def _value(match: re.Match[str], values: Values) -> str:
    name = match["name"] or match["bare"]
    if name not in values:
        raise VariableError(f"the dashboard has no variable ${name}")
    value = values[name]
    texts = [value] if isinstance(value, str) else list(value)
    if match["format"] == "percentencode":
        text = value if isinstance(value, str) else "{" + ",".join(texts) + "}"
        return quote(text, safe="-_.~")
    if match["format"] is None and len(texts) == 1:
        return texts[0]
    raise VariableError(f"${{{name}:{match['format']}}}: format it with :percentencode")

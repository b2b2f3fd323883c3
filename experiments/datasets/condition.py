"""A SQL condition that somebody typed, checked before it becomes part of a statement.

It is parsed by the engine's own parser and held against the rules of the read-only endpoint
(clickhouse/embedded_http/guard.py): one expression, that reads and stays inside the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.guard import Guard
from clickhouse.embedded_http.tokens import tokenise
from clickhouse.span import LABELS
from experiments.datasets.errors import ConditionError

_UNKNOWN_IDENTIFIER = 47
_MOST_TOLD = 300
_UNKNOWN = re.compile(r"identifier [`'‘]([^`'’]+)[`'’]")
_NOISE = re.compile(
    r"^.*?DB::Exception:\s*|^Not enough privileges on this read-only endpoint:\s*"
    r"|\s*\(version [^)]*\).*$|:? In scope SELECT.*$|\. Expected one of:.*$"
    r"|\s*\([A-Z][A-Z0-9_]+\)\s*$",
    re.S,
)
_WRAPPED = re.compile(r"Nullable\(|LowCardinality\(")
#: Words that end an expression: what comes after them would be another part of the statement.
_CLAUSES = frozenset(
    "FROM WHERE PREWHERE GROUP HAVING ORDER LIMIT OFFSET UNION EXCEPT INTERSECT SETTINGS FORMAT"
    " INTO WINDOW QUALIFY".split()
)


class Columns:
    """The columns of ``spans``, and which of them are verdicts."""

    def __init__(self, client: Client) -> None:
        rows = client.query("DESCRIBE TABLE spans").result_rows
        self.types = {str(row[0]): str(row[1]) for row in rows}
        self.classifiers = [name for name in self.types if f"{name}_score" in self.types]

    def named_in(self, condition: str) -> list[str]:
        """Classifiers that a checked condition names, in the table's order."""
        words = {token.value for token in tokenise(condition) if token.kind in ("word", "quoted")}
        return [name for name in self.classifiers if name in words]


def checked(client: Client, option: str, condition: str, columns: Columns) -> str:
    """The condition in the engine's own spelling. ``option`` is named in errors; the client's
    database is the one that holds ``spans``. Nothing is read of the rows.

    Raises ConditionError.
    """
    if not condition.strip():
        raise ConditionError(f"{option} is empty; write SQL such as \"hallucination = 'fail'\"")

    def canonical(sql: str) -> str:
        return str(
            client.query(
                "SELECT formatQuerySingleLine({sql:String})", parameters={"sql": sql}
            ).result_rows[0][0]
        )

    def syntax_tree(sql: str, _: Mapping[str, str]) -> str:
        return "\n".join(str(row[0]) for row in client.query(f"EXPLAIN AST {sql}").result_rows)

    try:
        functions = client.query("SELECT name FROM system.table_functions").result_rows
        guard = Guard(canonical, syntax_tree, frozenset(str(name) for (name,) in functions))
        # The line break ends a comment that the condition may close with.
        statement = guard.check(f"SELECT ({condition}\n)", {})
        found = _expression(statement.sql, option, condition)
        kind = str(
            client.query(f"DESCRIBE TABLE (SELECT {found} AS met FROM spans)").result_rows[0][1]
        )
    except QueryRefused as error:
        raise ConditionError(f"{option} {condition}: {_plain(error.message)}") from error
    except DatabaseError as error:
        raise ConditionError(_told(option, condition, error, columns)) from error
    if _WRAPPED.sub("", kind).rstrip(")") not in ("UInt8", "Bool"):
        raise ConditionError(
            f"{option} {condition}: this is {kind}, not true or false; compare it with something,"
            f' such as "{condition.strip()} > 0"'
        )
    _check_labels(option, condition, found, columns)
    return found


def _expression(sql: str, option: str, condition: str) -> str:
    """What is behind SELECT, where that is one bracket and nothing else."""
    tokens = tokenise(sql)
    after = [token for token in tokens[1:] if token.depth == 0]
    if (
        tokens[0].text != "SELECT"
        or any(token.kind == "word" and token.text in _CLAUSES for token in after)
        or any(token.text in (",", ";") for token in after)
    ):
        raise ConditionError(
            f"{option} {condition}: write one condition, as it stands behind WHERE, and nothing"
            " after it; --since, --until and --limit are options"
        )
    return f"({sql[tokens[1].start :]})"


def _check_labels(option: str, condition: str, found: str, columns: Columns) -> None:
    """A verdict compared with a word that no verdict ever is finds nothing, without a word."""
    # "!=" is two marks.
    tokens = [token for token in tokenise(found) if token.text != "!"]
    for name, sign, value in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (
            name.value in columns.classifiers
            and sign.text == "="
            and value.kind == "string"
            and value.value not in (*LABELS, "")
        ):
            raise ConditionError(
                f"{option} {condition}: {name.value} is never '{value.value}'; it is "
                + ", ".join(f"'{label}'" for label in LABELS)
                + " or '' (not judged yet)"
            )


def _told(option: str, condition: str, error: DatabaseError, columns: Columns) -> str:
    text = str(error)
    if error.code == _UNKNOWN_IDENTIFIER and (named := _UNKNOWN.search(text)):
        wrong = named[1]
        near = get_close_matches(wrong.lower(), columns.types, n=3, cutoff=0.6)
        near += [name for name in columns.types if wrong.lower() in name and name not in near][:3]
        remedy = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"verdicts are {', '.join(columns.classifiers)}"
        )
        return (
            f"{option} {condition}: spans has no column '{wrong}'; {remedy} All columns:"
            ' `everyspan sql "DESCRIBE TABLE everyspan.spans"`; text stands in single quotes'
        )
    return f"{option} {condition}: {_plain(text)}"


def _plain(text: str) -> str:
    before = ""
    while before != text:
        before, text = text, _NOISE.sub("", text)
    return " ".join(text.split())[:_MOST_TOLD]

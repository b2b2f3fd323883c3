"""What statements with a project's key read in place of the tables: views without dictionaries.

A LowCardinality column brings the dictionary of its whole part along, with what all projects wrote,
and the engine runs functions over the dictionary instead of the rows: an error, or its absence,
then tells of values behind the row policy, and so do Arrow's dictionaries. In these views such
columns are plain ones by the time that a statement gets to see them: the engine has applied its
policies by then, and what is left is the project's.

A view knows no PREWHERE, which is WHERE here, and no FINAL: it is in the view.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.guard import PARAMETER
from clickhouse.embedded_http.settings import quote, quote_name
from clickhouse.embedded_http.tokens import Token, tokenise, unquote

#: The database of the views.
DATABASE = "of_project"
#: Moves conditions on the key before FINAL, as PREWHERE says where tables are read.
SETTINGS = {"optimize_move_to_prewhere_if_final": "1"}
FILTERS = "additional_table_filters"
_LOW = re.compile(r"LowCardinality\(((?:[^()]|\([^()]*\))*)\)")
_MERGES = re.compile(r"(?:Replicated)?(?:Replacing|Summing|Aggregating)MergeTree")
_NEXT_SELECT = {"SELECT", "UNION", "EXCEPT", "INTERSECT"}


def views(database: str, tables: Mapping[str, tuple[str, Sequence[tuple[str, str]]]]) -> list[str]:
    """Statements that make them. ``tables``: name to its engine and the names and types of its
    columns."""
    found = [f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic"]
    for table, (engine, columns) in tables.items():
        said = ", ".join(_column(name, kind) for name, kind in columns)
        final = " FINAL" if _MERGES.fullmatch(engine) else ""
        found.append(
            f"CREATE VIEW {DATABASE}.{quote_name(table)} AS SELECT {said}"
            f" FROM {quote_name(database)}.{quote_name(table)}{final}"
        )
    return found


def _column(name: str, kind: str) -> str:
    plain = _LOW.sub(r"\1", kind)
    if plain == kind:
        return quote_name(name)
    return f"CAST({quote_name(name)}, {quote(plain)}) AS {quote_name(name)}"


def instead(sql: str, database: str) -> str:
    """Canonical SQL that reads the views where it named the tables. Raises QueryRefused."""
    tokens = tokenise(sql)
    parts: list[str] = []
    copied = 0
    for index, token in enumerate(tokens):
        word = ""
        if token.text == "PREWHERE":
            _check_alone(tokens, index)
            word = "WHERE"
        elif _is_database(tokens, index, database):
            word = DATABASE
        if word:
            parts += [sql[copied : token.start], word]
            copied = token.end
    return "".join((*parts, sql[copied:]))


def instead_in_filters(value: str, database: str, canonical: Callable[[str], str]) -> str:
    """``additional_table_filters``: a map of a table's name to a condition. Raises QueryRefused."""
    parts: list[str] = []
    copied = 0
    tokens = tokenise(value)
    for index, token in enumerate(tokens):
        if token.kind != "string":
            continue
        text = unquote(token.text)
        if index + 1 < len(tokens) and tokens[index + 1].text == ":":
            place, _, table = text.rpartition(".")
            # Any other name would be one inside of a view.
            if place not in ("", database):
                raise QueryRefused(497, f"'{text[:80]}' can't be filtered; name a table")
            text = f"{DATABASE}.{table}"
        else:
            text = instead(canonical(f"SELECT ({text}\n)"), database).removeprefix("SELECT ")
        parts += [value[copied : token.start], quote(text)]
        copied = token.end
    return "".join((*parts, value[copied:]))


def instead_in_names(sql: str, params: Mapping[str, str], database: str) -> dict[str, str]:
    """The parameters of a statement, of which some are names."""
    found = dict(params)
    names = {name for name, kind in PARAMETER.findall(sql) if kind == "Identifier"}
    for name in names & found.keys():
        head, dot, rest = found[name].partition(".")
        if head.strip() == database:
            found[name] = f"{DATABASE}{dot}{rest}"
    return found


def _is_database(tokens: list[Token], index: int, database: str) -> bool:
    token = tokens[index]
    if token.kind not in ("word", "quoted") or token.value != database:
        return False
    after = tokens[index + 1].text if index + 1 < len(tokens) else ""
    return after == "." and (not index or tokens[index - 1].text != ".")


def _check_alone(tokens: list[Token], index: int) -> None:
    depth = tokens[index].depth
    for token in tokens[index + 1 :]:
        if token.depth < depth or (token.depth == depth and token.text in _NEXT_SELECT):
            return
        if token.depth == depth and token.text == "WHERE":
            raise QueryRefused(
                62, "PREWHERE and WHERE: with a project's key write one WHERE, joined by AND"
            )

"""What may be read: one statement, of a reading kind, that stays inside the database.

``readonly = 1`` alone is not enough in chDB: the scalar function ``file`` reads any file (also as
``arrayMap(file, …)`` and ``* APPLY file``), ``x IN default.`/path` `` opens a file through the
``default`` overlay database, ``SHOW TABLES WHERE file(…)`` hides the call from the syntax tree,
nested SETTINGS clauses escape the constraints, and KILL, SYSTEM and INTO OUTFILE work.

The statement is first rewritten by the engine's own parser (formatQuerySingleLine), which refuses a
second statement and drops comments. Only this canonical text is checked, and only it is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from clickhouse.embedded_http import settings
from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.guard_rules import OPERATORS, Rules, why_refused
from clickhouse.embedded_http.handshake import QUESTION
from clickhouse.embedded_http.tokens import Token, tokenise, unquote

_ROOTS = re.compile(
    r"SelectWithUnionQuery|SelectIntersectExceptQuery|SelectQuery|TablesInSelectQuery|DescribeQuery"
    r"|ShowTables"
    r"|ShowColumns|ShowFunctions|ShowIndexes|ShowEngineQuery"
    r"|ShowCreate(?:Table|View|Database)Query|Exists(?:Table|View|Database)Query|Explain"
)
_INSERT = re.compile(r"\s*INSERT\b", re.I)
_EXPLAIN = re.compile(r"Explain EXPLAIN(?: AST| SYNTAX| PLAN| PIPELINE| ESTIMATE| QUERY TREE)?")
_EXPLAIN_TEXT = re.compile(r"Explain EXPLAIN(?: AST| SYNTAX| QUERY TREE)")

# Table functions that make their rows from nothing or from a subquery that is checked itself.
_TABLE_FUNCTIONS = frozenset(
    "numbers numbers_mt zeros zeros_mt generateseries generate_series generaterandom values null"
    " view format".split()
)
# Functions whose first argument may be a function given by its bare name.
_HIGHER_ORDER = re.compile(r"array\w+|map\w+")

_NODE = re.compile(r"\s*(\w+)(.*)")
_NODE_TAIL = re.compile(r"(?: \(alias .*\))?(?: \(children \d+\))?$", re.S)
_EVERY_COLUMN = re.compile(r"Asterisk|QualifiedAsterisk|\w*Matcher")
_CLAUSE_END = {"UNION", "EXCEPT", "INTERSECT", "FORMAT", "INTO", "SETTINGS", "PARALLEL"}
_OF_OTHERS = "tells a project of others' rows"
PARAMETER = re.compile(r"\{(\w+):(\w+)\}")
_MOST_SHAPES = 1024


@dataclass(slots=True, frozen=True)
class Statement:
    """A checked statement: canonical SQL without FORMAT and outer SETTINGS, which stand apart."""

    sql: str
    format: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


class Guard:
    """Checks statements with the engine's own parser.

    ``canonical(sql)`` gives the single-line form of exactly one statement; ``syntax_tree(sql,
    params)`` its EXPLAIN AST with parameters filled in; ``table_functions`` all that exist;
    ``rules``: what of the engine itself is told.
    """

    def __init__(
        self,
        canonical: Callable[[str], str],
        syntax_tree: Callable[[str, Mapping[str, str]], str],
        table_functions: frozenset[str],
        rules: Rules = OPERATORS,
    ) -> None:
        self._rules = rules
        self._canonical = canonical
        self._syntax_tree = syntax_tree
        self._refused_tables = {name.lower() for name in table_functions} - _TABLE_FUNCTIONS
        #: Shapes of statements whose tree has been looked at and is good.
        self._passed: set[bytes] = set()

    def check(self, sql: str, params: Mapping[str, str]) -> Statement:
        """The statement to run. Raises QueryRefused when it may not be run."""
        if _INSERT.match(sql):
            # Its data may follow the statement; there is no point in parsing it.
            raise QueryRefused(164, "Cannot execute query in readonly mode: INSERT is not a read")
        text = self._canonical(sql)
        if text == QUESTION:
            # The one place where displayName() may stand: it is not the engine that answers.
            return Statement(text)
        tokens = tokenise(text)
        statement = self._split(text, tokens)
        self._check_calls(tokens)
        self._check_parameters(text, params)
        shape = _shape(tokens)
        if shape is None or shape not in self._passed:
            tree = self._syntax_tree(statement.sql, params)
            self._check_tree(tree)
            _check_hidden(tree, tokens, self._rules.hidden)
            if shape is not None:
                if len(self._passed) >= _MOST_SHAPES:
                    self._passed.clear()
                self._passed.add(shape)
        return statement

    def check_setting(self, name: str, value: str) -> dict[str, str]:
        """A setting from the URL as {name: SQL value}; empty when it has no meaning here.

        Raises QueryRefused as ``check`` does.
        """
        if not self._allow(name, value):
            return {}
        if name != "additional_table_filters":
            return {name: settings.quote(value)}
        found = self.check(f"SELECT 1 SETTINGS {name} = {value}", {}).settings
        if list(found) != [name]:
            raise QueryRefused(36, f"setting '{name}' must be one map of table to condition")
        return dict(found)

    def _allow(self, name: str, value: str, *, nested: bool = False) -> bool:
        if name in self._rules.settings:
            raise _denied(f"setting '{name}' {_OF_OTHERS}")
        if nested and name in self._rules.outer_settings:
            raise _denied(f"setting '{name}' inside of a statement; write it at the end")
        return settings.allow(name, value, nested=nested)

    def _split(self, text: str, tokens: list[Token]) -> Statement:
        """Take FORMAT and the outer SETTINGS clauses out of the text; check all settings."""
        kept: list[str] = []
        found: dict[str, str] = {}
        format_name = ""
        copied = index = 0
        while index < len(tokens):
            token = tokens[index]
            after = tokens[index + 1] if index + 1 < len(tokens) else None
            if token.text == "INTO" and after is not None and after.text == "OUTFILE":
                raise _denied("INTO OUTFILE writes a file")
            stop = index + 1
            if token.text == "SETTINGS" and after is not None and _starts_setting(tokens, index):
                stop = self._read_settings(text, tokens, index, found)
                if token.depth == 0:
                    kept.append(text[copied : token.start])
                    copied = tokens[stop - 1].end
            elif token.text == "FORMAT" and token.depth == 0 and _ends_format(tokens, index):
                assert after is not None
                format_name, stop = after.value, index + 2
                kept.append(text[copied : token.start])
                copied = after.end
            index = stop
        kept.append(text[copied:])
        return Statement("".join(kept).strip(), format_name, found)

    def _read_settings(
        self, text: str, tokens: list[Token], index: int, found: dict[str, str]
    ) -> int:
        """Read ``SETTINGS a = 1, b`` at ``index``; index of the first token after the clause."""
        depth = tokens[index].depth
        index += 1
        while True:
            name = tokens[index]
            index += 1
            value, first = "1", index
            if index < len(tokens) and tokens[index].text == "=":
                first = index = index + 1
                while index < len(tokens) and not _ends_value(tokens[index], depth):
                    index += 1
                if index == first:
                    raise QueryRefused(62, f"setting '{name.value}' has no value")
                value = text[tokens[first].start : tokens[index - 1].end]
            if self._allow(name.value, value, nested=depth > 0) and depth == 0:
                found[name.value] = value
            if name.value == "additional_table_filters":
                self._check_filters(tokens[first:index])
            if index >= len(tokens) or tokens[index].text != "," or tokens[index].depth != depth:
                return index
            index += 1

    def _check_filters(self, tokens: list[Token]) -> None:
        """Conditions in additional_table_filters are SQL in strings: check each as a statement.
        The tables' names are strings too, and a name is a statement that may be checked."""
        for token in tokens:
            if token.kind == "string":
                if token.value.lower().lstrip('` "').startswith("system"):
                    raise _denied("tables of 'system' can't be filtered from outside")
                self.check(f"SELECT ({unquote(token.text)}\n)", {})

    def _check_calls(self, tokens: list[Token]) -> None:
        words = [*tokens, *([Token("mark", "", "", 0, 0, 0)] * 2)]
        for index, token in enumerate(tokens):
            if token.kind not in ("word", "quoted"):
                continue
            name = token.value.lower()
            if words[index + 1].text == "(":
                self._check_function(token.value)
                if _HIGHER_ORDER.fullmatch(name):
                    argument = index + 2
                    while words[argument].text == "(":
                        argument += 1
                    if words[argument].kind in ("word", "quoted"):
                        self._check_function(words[argument].value, scalar_only=True)
            elif token.text == "APPLY" and words[index + 1].kind in ("word", "quoted"):
                self._check_function(words[index + 1].value)

    def _check_function(self, name: str, scalar_only: bool = False) -> None:
        lowered = name.lower()
        if reason := why_refused(lowered):
            raise _denied(f"function '{name}' {reason}")
        if lowered in self._rules.functions:
            raise _denied(f"function '{name}' {_OF_OTHERS}")
        if not scalar_only and lowered in self._refused_tables:
            raise _denied(f"table function '{name}' reaches outside of the database")

    def _check_parameters(self, text: str, params: Mapping[str, str]) -> None:
        for name, kind in PARAMETER.findall(text):
            value = params.get(name, "")
            if kind == "Identifier":
                if not re.fullmatch(r"[\w .:/@-]*", value):
                    raise QueryRefused(36, f"parameter '{name}' is not a plain identifier")
                self._check_function(value, scalar_only=True)

    def _check_tree(self, tree: str) -> None:
        """``tree``: EXPLAIN AST. Names stand in it unquoted, so only whole lines are judged."""
        lines = tree.split("\n")
        root = lines[0]
        for position, line in enumerate(lines):
            match = _NODE.match(line)
            if match is None:
                continue
            kind, rest = match[1], match[2]
            if position == 0 or kind.endswith("Query"):
                if not _ROOTS.fullmatch(kind):
                    raise QueryRefused(
                        164, f"Cannot execute query in readonly mode: {kind} is not a read"
                    )
                told = _EXPLAIN if self._rules.plans else _EXPLAIN_TEXT
                if kind == "Explain" and not told.fullmatch(_NODE_TAIL.sub("", line)):
                    raise QueryRefused(164, f"{line.strip()} is not a read of data")
            elif kind in ("TableIdentifier", "Identifier"):
                self._check_name(_NODE_TAIL.sub("", rest.strip(" ")), root)
            elif kind == "Function":
                self._check_function(_NODE_TAIL.sub("", rest.strip(" ")))

    def _check_name(self, name: str, root: str) -> None:
        """``name``: a table or column with its qualifiers. Either may be a table after IN."""
        head, _, rest = name.partition(".")
        whole = root.startswith(("ShowCreateDatabase", "ExistsDatabase", "ShowTables"))
        overlay = (head == "default" and rest) or (name == "default" and " default " in root)
        if overlay and not whole:
            raise _denied("database 'default' is an overlay of the file system")
        if head == "system" and rest and rest.split(".")[0] not in self._rules.tables:
            raise _denied(f"system table '{rest}' is not open to readers")


def _shape(tokens: list[Token]) -> bytes | None:
    """The statement without what its strings and numbers say: what the tree is made of, which of
    those has leaves alone. A board's statement differs from the last in its times, and the tree is
    half of what it costs to check. None with parameters, which may be names."""
    if any(token.text == "{" for token in tokens):
        return None
    blank = {"string": "'", "number": "0"}
    text = "\n".join(blank.get(token.kind, token.text) for token in tokens)
    return sha256(text.encode()).digest()


def _check_hidden(tree: str, tokens: list[Token], rules: Mapping[str, frozenset[str]]) -> None:
    """Columns of system tables that tell where the data lies, by name and by ``*``."""
    nodes = [_NODE_TAIL.sub("", line.strip()) for line in tree.split("\n")]
    # SHOW is a SELECT from these tables that the tree does not show.
    words = {t.value for t in tokens if t.kind in ("word", "quoted")}
    if nodes[0].startswith("Show") and (found := words & frozenset().union(*rules.values())):
        raise _denied(f"column '{min(found)}' tells where the data lies")
    hidden: set[str] = set()
    for node in nodes:
        kind, _, name = node.partition(" ")
        parts = name.strip().split(".")
        # Identifiers of three parts are columns; of two, tables after IN.
        if parts[0] == "system" and len(parts) == 2 and parts[1] in rules:
            if kind != "TableIdentifier":
                raise _denied(f"'{name}' can be read with FROM only, column by column")
            hidden |= rules[parts[1]]
    if not hidden:
        return
    if "NATURAL" in words:
        raise _denied("NATURAL JOIN with a table of 'system'; name the columns")
    for position, node in enumerate(nodes):
        kind, _, name = node.partition(" ")
        if kind in ("Identifier", "Function") and name.rpartition(".")[2] in hidden:
            raise _denied(f"column '{name}' tells where the data lies")
        if _EVERY_COLUMN.match(kind) and nodes[max(0, position - 2)] != "Function count":
            raise _denied("tables of 'system' are read column by column; name those you need")


def _denied(reason: str) -> QueryRefused:
    return QueryRefused(497, f"Not enough privileges on this read-only endpoint: {reason}")


def _starts_setting(tokens: list[Token], index: int) -> bool:
    """SETTINGS is also a legal column name: a clause has a name and then '=', ',' or its end."""
    name = tokens[index + 1]
    if name.kind not in ("word", "quoted") or name.depth != tokens[index].depth:
        return False
    follower = tokens[index + 2] if index + 2 < len(tokens) else None
    return follower is None or follower.text in ("=", ",", ")") or follower.text in _CLAUSE_END


def _ends_value(token: Token, depth: int) -> bool:
    return token.depth < depth or (
        token.depth == depth
        and (token.text in (",", ")") or (token.kind == "word" and token.text in _CLAUSE_END))
    )


def _ends_format(tokens: list[Token], index: int) -> bool:
    if index + 1 >= len(tokens) or tokens[index + 1].kind not in ("word", "quoted"):
        return False
    return index + 2 >= len(tokens) or tokens[index + 2].text in ("SETTINGS", ";")

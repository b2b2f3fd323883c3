"""Another tool's table layout, from its file: tables, how our rows get there, questions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grafana.build.sql import classifiers, counts, failed, verdicts

ROOM = Path(__file__).parent
#: Labels that are a verdict; what a classifier does not look at is none.
_JUDGED = f"arrayFilter(v -> v.2 IN ('pass', 'fail'), {verdicts(classifiers())})"


@dataclass(frozen=True, slots=True)
class Layout:
    """``key``: the file's and the database's name. ``tables``: as the file says. ``questions``:
    name to SQL with {since}, {trace} and {word}. ``without``: beginnings of attributes that are not
    kept."""

    key: str
    name: str
    tables: Mapping[str, Any]
    questions: Mapping[str, str]
    without: tuple[str, ...] = ()

    def create(self) -> Iterator[str]:
        """DDL."""
        yield f"DROP DATABASE IF EXISTS {self.key}"
        yield f"CREATE DATABASE {self.key}"
        for name, table in self.tables.items():
            parts = [f"`{column}` {kind}" for column, (kind, _) in table["columns"].items()]
            parts += [f"INDEX {each}" for each in table.get("indexes", ())]
            yield "\n".join(
                [
                    f"CREATE TABLE {self.key}.{name} ({', '.join(parts)})",
                    f"ENGINE = {table['engine']}",
                    *(
                        f"{clause} {value if clause == 'SETTINGS' else f'({value})'}"
                        for key, clause in (
                            ("partition", "PARTITION BY"),
                            ("primary", "PRIMARY KEY"),
                            ("order", "ORDER BY"),
                            ("sample", "SAMPLE BY"),
                            ("settings", "SETTINGS"),
                        )
                        if (value := table.get(key))
                    ),
                ]
            )

    def copy(self, source: str, day: str) -> Iterator[str]:
        """INSERTs of the rows of ``source``, a view of ours, that started on ``day``."""
        for name, table in self.tables.items():
            columns = table["columns"]
            values = ", ".join(value for _, value in columns.values())
            names = ", ".join(f"`{column}`" for column in columns)
            each = f" ARRAY JOIN {table['each']} AS v" if "each" in table else ""
            also = f" AND {table['where']}" if "where" in table else ""
            groups = f" GROUP BY {table['groups_by']}" if "groups_by" in table else ""
            sql = (
                f"INSERT INTO {self.key}.{name} ({names}) SELECT {values} FROM {source}{each}"
                f" WHERE toDate(start_time) = '{day}'{also}{groups}"
            ).replace("{verdicts}", _JUDGED)
            for start in self.without:
                sql = sql.replace(f"v -> concat('{start}', v.1)", "v -> ''")
                sql = sql.replace(f"(concat('{start}', k), v)", "('', '')")
            yield sql


def read(key: str) -> Layout:
    """From its file."""
    told = tomllib.loads((ROOM / f"{key}.toml").read_text(encoding="utf-8"))
    tables: dict[str, Any] = {}
    questions: dict[str, str] = {}
    if "extends" in told:
        below = read(told["extends"])
        tables, questions = dict(below.tables), dict(below.questions)
    for name, table in told.get("tables", {}).items():
        columns = {**told.get(table.get("columns_of", ""), {}), **table.get("columns", {})}
        tables[name] = {**table, "columns": columns | table.get("instead", {})}
    filled = {
        name: sql.replace("{counts}", counts(classifiers())).replace(
            "{failed}", failed(classifiers())
        )
        for name, sql in told["questions"].items()
    }
    return Layout(key, told["name"], tables, questions | filled, tuple(told.get("without", ())))

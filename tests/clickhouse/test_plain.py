"""What a project's key reads in place of the tables."""

from __future__ import annotations

import pytest

from clickhouse.embedded_http import plain
from clickhouse.embedded_http.errors import QueryRefused


@pytest.mark.parametrize(
    ("asked", "run"),
    [
        ("SELECT 1 FROM everyspan.spans", "SELECT 1 FROM of_project.spans"),
        ("SELECT 1 FROM `everyspan`.`spans`", "SELECT 1 FROM of_project.`spans`"),
        ("SELECT everyspan.a.x FROM everyspan.a", "SELECT of_project.a.x FROM of_project.a"),
        ("SELECT x IN everyspan.a FROM one", "SELECT x IN of_project.a FROM one"),
        ("SELECT \'everyspan.spans\', t.everyspan.x", "SELECT \'everyspan.spans\', t.everyspan.x"),
        ("SHOW TABLES FROM everyspan", "SHOW TABLES FROM everyspan"),
        ("SELECT 1 FROM spans FINAL PREWHERE x", "SELECT 1 FROM spans FINAL WHERE x"),
        (
            "SELECT (SELECT 1 FROM a PREWHERE x) WHERE y UNION ALL SELECT 1 FROM b PREWHERE z",
            "SELECT (SELECT 1 FROM a WHERE x) WHERE y UNION ALL SELECT 1 FROM b WHERE z",
        ),
    ],
)  # fmt: skip
def test_each_name_of_a_table_becomes_that_of_a_view(asked: str, run: str) -> None:
    assert plain.instead(asked, "everyspan") == run


def test_two_conditions_are_joined_by_whoever_asks() -> None:
    with pytest.raises(QueryRefused, match="write one WHERE"):
        plain.instead("SELECT 1 FROM a PREWHERE x WHERE y", "everyspan")


def test_filters_name_views_and_read_them() -> None:
    given = "{'everyspan.spans':'x IN (SELECT x FROM everyspan.spans)','spans_raw':'1'}"
    found = plain.instead_in_filters(given, "everyspan", lambda sql: sql.replace("\n", ""))
    assert found == (
        "{'of_project.spans':'(x IN (SELECT x FROM of_project.spans))',"
        "'of_project.spans_raw':'(1)'}"
    )
    with pytest.raises(QueryRefused, match="name a table"):
        plain.instead_in_filters("{'s.spans':'1'}", "everyspan", str)


def test_names_that_come_as_parameters() -> None:
    given = {"d": "everyspan", "t": "everyspan.spans", "x": "everyspan", "u": "spans"}
    sql = "SELECT {x:String} FROM {d:Identifier}.{u:Identifier}, {t:Identifier}"
    assert plain.instead_in_names(sql, given, "everyspan") == {
        "d": "of_project", "t": "of_project.spans", "x": "everyspan", "u": "spans",
    }  # fmt: skip


def test_no_column_of_a_view_has_a_dictionary() -> None:
    columns = [
        ("a", "Map(LowCardinality(String), LowCardinality(Nullable(String)))"),
        ("b", "Array(LowCardinality(String))"),
        ("c", "UInt8"),
    ]
    _, view = plain.views("everyspan", {"spans_raw": ("ReplacingMergeTree", columns)})
    assert view == (
        "CREATE VIEW of_project.`spans_raw` AS SELECT"
        " CAST(`a`, 'Map(String, Nullable(String))') AS `a`, CAST(`b`, 'Array(String)') AS `b`, `c`"
        " FROM `everyspan`.`spans_raw` FINAL"
    )

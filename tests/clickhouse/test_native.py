"""Native blocks: what is written is read back, and ClickHouse reads it too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from clickhouse.connection import connect
from clickhouse.native import read_columns, write_columns
from tests.clickhouse.databases import engine

TYPES = {
    "text": "String",
    "low": "LowCardinality(String)",
    "time": "DateTime64(9, 'UTC')",
    "number": "Nullable(UInt32)",
    "score": "Nullable(Float64)",
    "list": "Array(String)",
    "floats": "Array(Float32)",
    "map": "Map(LowCardinality(String), String)",
    "flag": "UInt8",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROW = st.fixed_dictionaries(
    {
        "text": TEXT,
        "low": TEXT,
        "time": st.integers(0, 4 * 10**18),
        "number": st.none() | st.integers(0, 2**32 - 1),
        "score": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "list": st.lists(TEXT, max_size=3),
        "floats": st.lists(st.floats(0, 1, width=32), max_size=3),
        "map": st.dictionaries(TEXT, TEXT, max_size=3),
        "flag": st.integers(0, 255),
    }
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with engine(tmp_path_factory.mktemp("native") / "clickhouse") as dsn:
        client = connect(dsn)
        client.command("CREATE DATABASE native ENGINE = Atomic")
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        client.command(f"CREATE TABLE native.t ({columns}) ENGINE = Memory")
        yield client
        client.command("DROP DATABASE native SYNC")
        client.close()


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in TYPES}


@settings(deadline=None)
@given(st.lists(ROW, min_size=1, max_size=5))
def test_round_trip(rows: list[dict[str, Any]]) -> None:
    columns = columns_of(rows)
    found = read_columns(write_columns(TYPES, columns))
    assert {name: list(values) for name, values in found.items()} == columns


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=5), blocks=st.integers(1, 3))
def test_clickhouse_reads_several_blocks(
    client: Client, rows: list[dict[str, Any]], blocks: int
) -> None:
    columns = columns_of(rows)
    client.command("TRUNCATE TABLE native.t")
    data = write_columns(TYPES, columns) * blocks
    client.raw_insert("native.t", list(TYPES), data, fmt="Native")
    found = read_columns(client.raw_query("SELECT * FROM native.t", fmt="Native"))
    assert len(found["flag"]) == len(rows) * blocks
    assert sorted(found["time"]) == sorted(columns["time"] * blocks)
    assert sorted(found["text"]) == sorted(columns["text"] * blocks)


def test_no_rows() -> None:
    assert read_columns(b"") == {}
    assert read_columns(write_columns(TYPES, columns_of([]))) == {}


def test_a_value_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="many"):
        write_columns({"n": "UInt32"}, {"n": ["many"]})

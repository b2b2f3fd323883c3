"""ClickHouse's Native format to columns and back.

The service passes blocks on as bytes, so that only worker processes pay for reading and writing
them. Times are whole numbers in both directions: a datetime would lose nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver import ctypes
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.query import QueryContext, QueryResult
from clickhouse_connect.driver.transform import NativeTransform


class _Bytes:
    """What the library's buffer (compiled where it can be) reads from."""

    last_message: bytes | None = None
    exception_tag: str | None = None

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def gen(self) -> Iterator[bytes]:
        return iter((self._data,))

    def close(self) -> None:
        """Nothing is open."""


def read_columns(data: bytes) -> dict[str, Sequence[Any]]:
    """Name to values. DateTime64 comes as a number of ticks since 1970.

    No bytes, or a block without rows, give {}.
    """
    if not data:
        return {}
    context = QueryContext(query_formats={"DateTime64": "int"}, column_oriented=True)
    source = ctypes.RespBuffCls(_Bytes(data))  # type: ignore[no-untyped-call]
    result = NativeTransform.parse_response(source, context)
    assert isinstance(result, QueryResult)
    columns = result.result_columns
    return dict(zip(result.column_names, columns, strict=True)) if columns else {}


def write_columns(types: Mapping[str, str], columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Rows as Native blocks. ``types``: name to ClickHouse type, for each of ``columns``.

    Raises ValueError, TypeError, OverflowError, struct.error or clickhouse-connect's DataError for
    a value that its column can't hold.
    """
    context = InsertContext(
        "block",
        list(columns),
        [get_from_name(types[name]) for name in columns],
        list(columns.values()),
        column_oriented=True,
        compression=None,
    )
    failed: list[Exception] = []
    data = b"".join(NativeTransform.build_insert(context, failed.append))
    if failed:
        raise failed[0]
    # The library puts the statement in front of the first block.
    head, _, block = data.partition(b"FORMAT Native\n")
    return block if head.startswith(b"INSERT INTO") else data

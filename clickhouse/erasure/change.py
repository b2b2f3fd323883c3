"""Changes stored rows, where there are any to change."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from clickhouse.cluster import local
from clickhouse.settings import ClickHouseSettings

#: Done when the statement comes back, everywhere.
MUTATION = {"mutations_sync": 2, "allow_nondeterministic_mutations": 1}


def change(
    client: Client, settings: ClickHouseSettings, table: str, what: str, condition: str
) -> int:
    """``what``: DELETE, or UPDATE with its columns. Rows that were concerned, all versions of one
    counted; without any the table is not touched. Raises clickhouse-connect's errors."""
    database = settings.database
    ((rows,),) = client.query(
        f"SELECT count() FROM {database}.{table} WHERE {condition}"
    ).result_rows
    if rows:
        place = f"{database}.{local(settings.cluster, table)}"
        client.command(
            f"ALTER TABLE {place} {settings.on_cluster} {what} WHERE {condition}",
            settings=MUTATION,
        )
    return int(rows)

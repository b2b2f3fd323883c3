"""The way to ClickHouse: migrate once, then insert blocks."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from clickhouse.connection import connect
from clickhouse.content import CONTENT_COLUMNS
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from clickhouse.span import SPAN_COLUMNS

#: Table to the columns that ingest fills; the rest are verdicts and defaults.
COLUMNS: dict[str, tuple[str, ...]] = {
    "spans_raw": SPAN_COLUMNS,
    "span_content": CONTENT_COLUMNS,
}

_INSERT_SETTINGS = {
    # A batch of late spans may touch every day of the retention.
    "max_partitions_per_insert_block": 0,
    # The acknowledgement means stored: never queue it on the server.
    "async_insert": 0,
}

_FREE = """
SELECT max(free_space - least(free_space, keep_free_space)) FROM system.disks WHERE name IN (
    SELECT arrayJoin(disks) FROM system.storage_policies WHERE policy_name IN (
        SELECT storage_policy FROM system.tables
        WHERE database = {database:String} AND name IN ('spans_raw', 'spans_raw_local')))
"""
_ACCESS_DENIED = 497
_PLENTY = 1 << 62


class Storage:
    """One client for each thread that inserts: a client serialises its calls."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._settings = settings
        self._local = threading.local()
        self._clients: list[Client] = []
        self._lock = threading.Lock()

    def open(self) -> dict[str, tuple[str, ...]]:
        """Bring the schema up to date. Returns, by table, the types of COLUMNS.

        Raises StorageUnavailableError, MigrationError, or what the engine raises.
        """
        client = self._client()
        migrate(client, self._settings)
        types: dict[str, tuple[str, ...]] = {}
        for table, names in COLUMNS.items():
            rows = client.query(f"DESCRIBE TABLE {self._settings.database}.{table}").result_rows
            known = {row[0]: row[1] for row in rows}
            types[table] = tuple(known[name] for name in names)
        return types

    def insert(self, table: str, blocks: Sequence[bytes]) -> None:
        """Store Native blocks in one INSERT; returns when ClickHouse has them."""
        settings = dict(_INSERT_SETTINGS)
        if self._settings.cluster:
            settings["distributed_foreground_insert"] = 1
        self._client().raw_insert(
            f"{self._settings.database}.{table}",
            list(COLUMNS[table]),
            b"".join(blocks),
            settings=settings,
            fmt="Native",
        )

    def free_bytes(self) -> int:
        """What ClickHouse may still write, in bytes: that of the disk of the spans with the most of
        it. Raises StorageUnavailableError, or what the engine raises, when it does not answer."""
        try:
            rows = self._client().query(_FREE, {"database": self._settings.database}).result_rows
        except DatabaseError as error:
            if error.code != _ACCESS_DENIED:
                raise
            # A user who may insert need not be one who may look at the disks.
            self._client().query("SELECT 1")
            return _PLENTY
        return int(rows[0][0])

    def forget(self) -> None:
        """Drop this thread's client after an error, so that the next call connects anew.

        Embedded too: chDB puts what a failed query left in front of the next answer.
        """
        client = getattr(self._local, "client", None)
        if client is not None:
            self._local.client = None
            with self._lock:
                self._clients.remove(client)
            client.close()

    def close(self) -> None:
        """Close every client; no call may be in progress."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()

    def _client(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            options = {} if self._settings.embedded else {"send_receive_timeout": 30}
            client = connect(self._settings.dsn, **options)
            self._local.client = client
            with self._lock:
                self._clients.append(client)
        return client

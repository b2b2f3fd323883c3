"""Inserts that count only while a worker's lease is valid.

A worker can be halted at any instruction, for longer than its lease lasts, and go on. What it
writes then, of traces that another has judged since, must not replace the other's rows. So the
lease is asked for in the statement that inserts: it fails where it has expired. What began in time
is ended by ``max_execution_time`` before anybody takes over, which is one lease later.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

logger = logging.getLogger(__name__)

_ACCESS_DENIED, _THROWN = 497, 395
_SAID = "the lease of this worker has expired"
#: Whether it was said that a grant is missing.
_told: set[str] = set()


class LeaseLostError(OperationalError):
    """Another worker may have its traces by now: nothing was written."""


@dataclass(frozen=True, slots=True)
class Fence:
    """``seconds``: how long an insert may take. ``embedded``: the engine is in this process, and
    has no other workers than its threads."""

    database: str
    worker: str
    seconds: float
    embedded: bool = False

    def insert(
        self,
        client: Client,
        table: str,
        columns: Mapping[str, str],
        block: bytes,
        settings: Mapping[str, Any],
    ) -> None:
        """Insert a Native block. ``columns``: name to type. Raises LeaseLostError, and
        clickhouse-connect's errors."""
        limits = dict(settings) | {"max_execution_time": max(1, int(self.seconds))}
        if self.embedded or self.database in _told:
            self._check(client)
            client.raw_insert(
                f"{self.database}.{table}", list(columns), block, settings=limits, fmt="Native"
            )
            return
        try:
            client.raw_insert(
                "", insert_block=self.statement(table, columns).encode() + block, settings=limits
            )
        except DatabaseError as error:
            if error.code == _THROWN and _SAID in str(error):
                raise LeaseLostError(_SAID) from error
            if error.code != _ACCESS_DENIED:
                raise
            logger.warning(
                "the user of ClickHouse may not CREATE TEMPORARY TABLE, which input() needs: leases"
                " are asked for before an insert instead of in it; GRANT CREATE TEMPORARY TABLE ON"
                " *.* (%s)",
                error,
            )
            _told.add(self.database)
            self.insert(client, table, columns, block, settings)

    def statement(self, table: str, columns: Mapping[str, str]) -> str:
        """What goes before the block."""
        names = ", ".join(map(quote_identifier, columns))
        types = ", ".join(f"{quote_identifier(name)} {kind}" for name, kind in columns.items())
        quoted = types.replace("\\", "\\\\").replace("'", "\\'")
        return (
            f"INSERT INTO {self.database}.{table} ({names}) SELECT {names} FROM input('{quoted}')"
            f" WHERE throwIf({self._expired}, '{_SAID}') = 0 FORMAT Native\n"
        )

    @property
    def _expired(self) -> str:
        """As SQL. What a replica has not heard of yet is an earlier expiry, never a later one."""
        return (
            f"(SELECT argMax(expires_at, turn) FROM {self.database}.classify_leases"
            f" WHERE worker = '{self.worker}') <= now64(3)"
        )

    def _check(self, client: Client) -> None:
        ((expired,),) = client.query(f"SELECT {self._expired}").result_rows
        if expired:
            raise LeaseLostError(_SAID)

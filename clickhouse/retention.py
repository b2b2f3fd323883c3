"""How long rows stay, as the settings say: of what is stored already, too.

A part knows when its rows end, from when it was written. A table that is told another retention
goes by it for new parts alone: what is there would stay longer than somebody was told, or go
sooner. So the parts are told as well (MATERIALIZE TTL), which reads nothing but their times.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from clickhouse.cluster import everywhere
from clickhouse.settings import ClickHouseSettings

logger = logging.getLogger(__name__)

#: Of tables whose rows have the retention of the settings, as the engine writes it down.
_RETENTION = re.compile(
    r"TTL (?P<ttl>(?:(?P<when>toDateTime\(\w+\)) \+ toIntervalDay\(\d+\)"
    r"(?: TO VOLUME '\w+')?(?:, )?)+)"
)
#: Tables whose days may move to a slower volume: a day is a partition.
_TIERED = frozenset(("spans_raw", "span_content"))
#: Of MATERIALIZE TTL: says of parts when they end, and leaves their rows to the engine.
_ONLY_SAY = "materialize_ttl_recalculate_only = 1"
#: A server's own zone of time may have its hours.
_SLACK_SECONDS = 2 * 3600


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    ddl: str
    partition: str


def set_retention(client: Client, settings: ClickHouseSettings) -> None:
    """Change the TTL and the storage policy of the tables that hold spans and what the services
    say, and of their parts, where the settings differ from them."""
    rows = client.query(
        "SELECT name, create_table_query, partition_key FROM system.tables"
        " WHERE database = {database:String} AND engine LIKE '%MergeTree'",
        parameters={"database": settings.database},
    ).result_rows
    for table in (_Table(*row) for row in rows):
        found = _RETENTION.search(table.ddl)
        if not found:
            continue
        changes = _change(client, settings, table, found["ttl"], found["when"])
        if _count(client, settings, table, "1" if changes else _is_behind(settings, table)):
            _tell_parts(client, settings, table)


def _change(
    client: Client, settings: ClickHouseSettings, table: _Table, ttl: str, when: str
) -> bool:
    """Of what is written from now on. Whether the retention is another than before."""
    name = f"{settings.database}.{table.name} {settings.on_cluster}"
    tiered = table.name.removesuffix("_local") in _TIERED
    policy = settings.storage_policy if tiered else ""
    if policy and f"storage_policy = '{policy}'" not in table.ddl:
        client.command(f"ALTER TABLE {name} MODIFY SETTING storage_policy = '{policy}'")
    wanted = f"{when} + toIntervalDay({settings.retention_days})"
    if policy and settings.cold_after_days:
        cold = f"{when} + toIntervalDay({settings.cold_after_days})"
        wanted = f"{cold} TO VOLUME '{settings.cold_volume}', {wanted}"
    if ttl == wanted:
        return False
    client.command(
        f"ALTER TABLE {name} MODIFY TTL {wanted}",
        # It would be waited for, however much is stored.
        settings={"materialize_ttl_after_modify": 0},
    )
    return True


def _is_behind(settings: ClickHouseSettings, table: _Table) -> str:
    """Parts that go by another retention, as SQL: somebody was stopped half way, or they are from
    before parts were told. Where a part is of a day, its name says when its rows are to end."""
    if not table.partition.startswith("toDate("):
        return "0"
    least = settings.retention_days * 86_400 - _SLACK_SECONDS
    most = (settings.retention_days + 1) * 86_400 + _SLACK_SECONDS
    began = "toInt64(toUnixTimestamp(toDateTime(toDate(partition), 'UTC')))"
    ends = "toInt64(toUnixTimestamp(delete_ttl_info_max))"
    return f"{ends} > 0 AND {ends} - {began} NOT BETWEEN {least} AND {most}"


def _count(client: Client, settings: ClickHouseSettings, table: _Table, which: str) -> int:
    """Of its parts, on all servers."""
    ((count,),) = client.query(
        f"SELECT count() FROM {everywhere(settings.cluster, 'system.parts')} WHERE active"
        f" AND database = {{database:String}} AND table = {{table:String}} AND {which}",
        parameters={"database": settings.database, "table": table.name},
    ).result_rows
    return int(count)


def _tell_parts(client: Client, settings: ClickHouseSettings, table: _Table) -> None:
    name = f"{settings.database}.{table.name} {settings.on_cluster}"
    if _ONLY_SAY not in table.ddl:
        client.command(f"ALTER TABLE {name} MODIFY SETTING {_ONLY_SAY}")
    client.command(f"ALTER TABLE {name} MATERIALIZE TTL", settings={"mutations_sync": 0})
    logger.info("%s: what is stored stays for %d days", table.name, settings.retention_days)

"""What a cluster is told. Each statement is parsed by the engine as it is; then it is run on one
engine, with what stands in for other servers: ReplacingMergeTree for its replicated kin, Merge for
Distributed, the engine's own system tables for those of all replicas."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from classify.job.due import Finder, Share
from classify.job.set_numbers import Numbers
from classify.settings import ClassifySettings
from classify.shares.lease_store import Lease, read, write
from clickhouse.erasure.erase import erase, find, finish
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from tests.clickhouse.databases import database, engine

CLUSTER = "prod"
_STANDS_IN = (
    (re.compile(rf"ON CLUSTER '{CLUSTER}'"), ""),
    (
        re.compile(r"Replicated(\w*MergeTree)\('/clickhouse/[^)]*?'\{shard\}-\{replica\}'\)"),
        r"\1()",
    ),
    (re.compile(r"Replicated(\w*MergeTree)"), r"\1"),
    (re.compile(rf"Distributed\('{CLUSTER}', '(\w+)', '(\w+)',.*\)"), r"Merge('\1', '^\2$')"),
    (re.compile(rf"clusterAllReplicas\('{CLUSTER}', ([\w.]+)\)"), r"\1"),
)


class OneOfMany:
    """A client of one engine that plays the cluster, and keeps what it was told."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.told: list[str] = []
        #: What made the tables.
        self.ddl: list[str] = []

    def _meant(self, sql: str) -> str:
        # The parser's own word for it, placeholders and all.
        self._client.query("SELECT formatQuery({sql:String})", parameters={"sql": sql})
        self.told.append(sql)
        for pattern, instead in _STANDS_IN:
            sql = pattern.sub(instead, sql)
        return sql

    def command(self, sql: str, **options: Any) -> Any:
        options["settings"] = self._known(options.get("settings"))
        return self._client.command(self._meant(sql), **options)

    def query(self, sql: str, **options: Any) -> Any:
        options["settings"] = self._known(options.get("settings"))
        if "parameters" in options and "%(" in sql:
            return self._client.query(self._without_cluster(sql), **options)
        return self._client.query(self._meant(sql), **options)

    def _without_cluster(self, sql: str) -> str:
        self.told.append(sql)
        return _STANDS_IN[-1][0].sub(_STANDS_IN[-1][1], sql)

    def _known(self, settings: Any) -> dict[str, Any]:
        # Keeper is not there.
        ours = ("insert_quorum", "insert_quorum_parallel", "select_sequential_consistency")
        return {name: value for name, value in (settings or {}).items() if name not in ours}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("cluster")) as opened:
        yield opened


@pytest.fixture(scope="module")
def many(dsn: str) -> Iterator[tuple[Any, ClickHouseSettings]]:
    with database(dsn) as (client, single):
        settings = single.model_copy(
            update={"clickhouse_dsn": "http://anywhere", "cluster": CLUSTER}
        )
        playing = OneOfMany(client)
        migrate(playing, settings)  # type: ignore[arg-type]
        playing.ddl = list(playing.told)
        yield playing, settings


def inserted(many: Any, settings: ClickHouseSettings, *spans: Span) -> None:
    """Into the shard's own table: what Distributed does."""
    many.insert(
        "spans_raw_local",
        columns_of(spans),
        column_names=list(SPAN_COLUMNS),
        column_oriented=True,
        database=settings.database,
    )


def test_every_migration_runs_as_a_cluster_gets_it(many: Any) -> None:
    client, settings = many
    ddl = [sql for sql in client.ddl if re.match(r"\s*(--.*\s*)?(CREATE|ALTER|DROP)", sql)]
    assert len(ddl) > 60
    assert [sql for sql in ddl if f"ON CLUSTER '{CLUSTER}'" not in sql] == []
    assert [sql for sql in ddl if re.search(r"ENGINE = \w*MergeTree", sql)
            and "ENGINE = Replicated" not in sql] == []  # fmt: skip
    # All spans of a trace are on one shard, and what was said of them.
    keys = re.findall(r"Distributed\('prod', '\w+', '(\w+)', (.*)\)", "\n".join(ddl))
    assert dict(keys) == {
        "spans_raw_local": "cityHash64(trace_id)",
        "span_content_local": "cityHash64(trace_id)",
        "text_vectors_local": "sipHash64(hash)",
        "stack_metrics_local": "cityHash64(instance)",
    }
    client.told.clear()
    assert migrate(client, settings) == []
    assert not [sql for sql in client.told if sql.startswith("ALTER")]


def test_both_tables_of_a_shard_have_the_same_columns(many: Any) -> None:
    client, settings = many
    for table in ("spans_raw", "span_content", "text_vectors", "stack_metrics"):
        columns = [
            [row[:2] for row in client.query(f"DESCRIBE {settings.database}.{name}").result_rows]
            for name in (table, f"{table}_local")
        ]
        assert columns[0] == columns[1], table


def test_retention_and_tiers_are_told_to_the_local_tables(many: Any) -> None:
    client, settings = many
    client.told.clear()
    migrate(client, settings.model_copy(update={"retention_days": 9}))
    altered = [sql for sql in client.told if "MODIFY TTL" in sql]
    assert {re.findall(r"\.(\w+) ON CLUSTER", sql)[0] for sql in altered} >= {
        "spans_raw_local",
        "span_content_local",
        "stack_metrics_local",
    }
    tiers = settings.model_copy(
        update={"retention_days": 9, "storage_policy": "tiered", "cold_after_days": 2}
    )
    client.told.clear()
    # The one engine has no such policy, and says so: it read the statement.
    with pytest.raises(Exception, match=r"Unknown storage policy `tiered`"):
        migrate(client, tiers)
    assert client.told[-1].endswith("ON CLUSTER 'prod' MODIFY SETTING storage_policy = 'tiered'")


def test_what_is_forgotten_is_removed_on_every_shard_and_looked_for_on_every_replica(
    many: Any,
) -> None:
    client, settings = many
    now = time.time_ns()
    spans = [Span(f"{n:032x}", f"{1:016x}", start_time=now, user_id=f"user {n}") for n in (1, 2)]
    inserted(client, settings, *spans)
    found = find(client, settings, "user", ["user 1"])
    assert (found.traces, found.rows) == ((f"{1:032x}",), 1)
    client.told.clear()
    erasure = finish(client, settings, erase(client, settings, "user", found))
    rows = client.query(f"SELECT trace_id FROM {settings.database}.spans_raw_local").result_rows
    assert rows == [(f"{2:032x}",)]
    assert erasure.removed["spans_raw"] == 1
    deletes = [sql for sql in client.told if " DELETE WHERE " in sql]
    assert [re.findall(r"ALTER TABLE \w+\.(\w+) ON CLUSTER", sql) for sql in deletes] == [
        ["spans_raw_local"]
    ]
    assert any("clusterAllReplicas('prod', system.parts)" in sql for sql in client.told)
    assert any("clusterAllReplicas('prod', system.detached_parts)" in sql for sql in client.told)


def test_rows_that_came_late_are_found_on_any_shard(many: Any) -> None:
    client, settings = many
    old = time.time_ns() - 5 * 86_400 * 10**9
    inserted(client, settings, Span(f"{1:032x}", f"{1:016x}", start_time=old))
    share = Share(settings.database, Numbers(1), frozenset({0}), 1, CLUSTER)
    assert len(Finder(share, 0, 3600).touched(client, 600)) == 1


def test_leases_of_a_cluster_go_through_a_quorum(many: Any) -> None:
    client, settings = many
    leasing = ClassifySettings(
        clickhouse_dsn="http://anywhere", database=settings.database, cluster=CLUSTER
    )
    asked: list[dict[str, Any]] = []
    known = client._known
    client._known = lambda given: asked.append(dict(given or {})) or known(given)
    lease = Lease("w", "here", 1, False, 4, frozenset({1}), 0)
    write(client, leasing, lease, seconds=9, first=True)
    (lease,) = read(client, leasing)
    assert (lease.worker, lease.shares) == ("w", frozenset({1}))
    assert asked[0]["insert_quorum"] == "auto"
    assert asked[0]["insert_quorum_parallel"] == 0
    assert asked[1] == {"select_sequential_consistency": 1}
    client._known = known


def test_a_trace_is_whole_on_its_shard_so_shards_add_up_to_the_whole(dsn: str) -> None:
    """Two shards behind one reader, and all of it in one: the same rows, whatever came twice."""
    with database(dsn) as (client, one), database(dsn) as (_, left), database(dsn) as (_, right):
        for each in (one, left, right):
            migrate(client, each)
        now = time.time_ns()
        spans = [
            Span(f"{n:032x}", f"{step:016x}", start_time=now + step, output=f"{n} {step}")
            for n in range(200)
            for step in range(3)
        ]
        for again in range(2):
            client.insert(
                "spans_raw",
                columns_of(spans[again * 300 :]),
                column_names=list(SPAN_COLUMNS),
                column_oriented=True,
                database=one.database,
            )
        client.command(
            f"INSERT INTO {one.database}.spans_raw SELECT * REPLACE (7 AS verdict_version)"
            f" FROM {one.database}.spans WHERE cityHash64(trace_id) % 3 = 0"
        )
        for index, shard in enumerate((left, right)):
            client.command(
                f"INSERT INTO {shard.database}.spans_raw SELECT * FROM {one.database}.spans_raw"
                f" WHERE cityHash64(trace_id) % 2 = {index}"
            )
        sums = (
            "SELECT count(), uniqExact(trace_id), countIf(verdict_version = 7),"
            " sum(cityHash64(trace_id, span_id, output, verdict_version))"
        )
        both = " UNION ALL ".join(
            f"SELECT * FROM remote('127.0.0.1', {shard.database}.spans_raw) FINAL"
            for shard in (left, right)
        )
        whole = client.query(f"{sums} FROM {one.database}.spans").result_rows
        assert whole[0][0] == 600
        assert client.query(f"{sums} FROM ({both})").result_rows == whole


def test_tiers_that_can_not_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wants EVERYSPAN_STORAGE_POLICY"):
        ClickHouseSettings(data=tmp_path, cold_after_days=3)
    with pytest.raises(ValueError, match="choose fewer"):
        ClickHouseSettings(
            data=tmp_path, cold_after_days=30, storage_policy="tiered", retention_days=30
        )

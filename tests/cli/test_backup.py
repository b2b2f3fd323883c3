"""`everyspan backup` while the directory is written to: what was stored before is in it, whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from tests.cli.command import everyspan
from tests.everyspan_up import running
from tests.ingest.otlp_payloads import request, span, trace_id


def traces_in(data: Path) -> dict[str, int]:
    """Trace to its rows, read from a directory that nobody has open."""
    sql = "SELECT trace_id, count() AS n FROM everyspan.spans GROUP BY trace_id FORMAT JSONEachRow"
    done = everyspan("sql", f"--data={data}", "--clickhouse-port=1", sql)
    assert done.returncode == 0, done.stderr
    return {row["trace_id"]: int(row["n"]) for row in map(json.loads, done.stdout.splitlines())}


def test_while_it_is_written_and_merged(tmp_path: Path) -> None:
    settings = ClickHouseSettings(data=tmp_path / "data")
    client, optimiser = connect(settings.dsn), connect(settings.dsn)
    migrate(client, settings)
    stored: list[str] = []
    stopping = threading.Event()

    def write() -> None:
        while not stopping.is_set():
            trace = f"{len(stored):032x}"
            columns = columns_of([Span(trace, "1" * 16, start_time=time.time_ns(), input="said")])
            client.insert(
                "spans_raw", columns, column_names=list(SPAN_COLUMNS), column_oriented=True,
                database="everyspan",
            )  # fmt: skip
            stored.append(trace)
            if len(stored) % 20 == 0:
                optimiser.command("OPTIMIZE TABLE everyspan.spans_raw FINAL")

    alerts = tmp_path / "data/alerting/alerts.db"
    alerts.parent.mkdir()
    with sqlite3.connect(alerts) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("CREATE TABLE told (text)")
        file.execute("INSERT INTO told VALUES ('only in the log yet')")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(stored) < 50:
            time.sleep(0.01)
        before = list(stored)
        done = everyspan("backup", str(tmp_path / "copy"), f"--data={tmp_path / 'data'}")
        after = len(stored)
    finally:
        stopping.set()
        writer.join()
        file.close()
        client.close()
        optimiser.close()
    assert done.returncode == 0, done.stderr
    assert after > len(before), "nothing was written meanwhile"
    assert f"to start from it: everyspan up --data {tmp_path / 'copy'}" in done.stdout
    copied = traces_in(tmp_path / "copy")
    assert set(before) <= set(copied) <= set(stored)
    assert set(copied.values()) == {1}
    with sqlite3.connect(tmp_path / "copy/alerting/alerts.db") as file:
        assert file.execute("SELECT text FROM told").fetchall() == [("only in the log yet",)]
    file.close()

    # Of what is damaged there is no backup.
    for part in (tmp_path / "copy/clickhouse/store").rglob("data.bin"):
        data = bytearray(part.read_bytes())
        data[len(data) // 2] ^= 255
        part.write_bytes(data)
    done = everyspan("backup", str(tmp_path / "of a copy"), f"--data={tmp_path / 'copy'}")
    assert done.returncode == 1
    assert "is damaged in the copy" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy", "data"]


def test_what_is_gone_while_it_is_listed(tmp_path: Path) -> None:
    settings = ClickHouseSettings(data=tmp_path / "data")
    client = connect(settings.dsn)
    migrate(client, settings)
    client.close()
    spool = tmp_path / "data/spool"
    spool.mkdir()
    table = next((tmp_path / "data/clickhouse/store").glob("*/*"))
    stopping = threading.Event()

    def come_and_go(of: int) -> None:
        folders = [table / f"tmp_insert_{of}_{n}" for n in range(50)]
        while not stopping.is_set():
            for n, folder in enumerate(folders):
                folder.mkdir()
                (folder / "data.bin").touch()
                (spool / f"{of}_{n}.tmp").touch()
            for n, folder in enumerate(folders):
                shutil.rmtree(folder)
                (spool / f"{of}_{n}.tmp").unlink()

    threads = [threading.Thread(target=come_and_go, args=(of,)) for of in range(4)]
    for thread in threads:
        thread.start()
    try:
        tried = [
            everyspan("backup", str(tmp_path / f"copy {n}"), f"--data={tmp_path / 'data'}")
            for n in range(3)
        ]
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert [done.stderr for done in tried if done.returncode] == []


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["{tmp}/full"], {}, "is there already; name a folder that is not"),
        (["{tmp}/data/inside"], {}, "is inside of"),
        (["{tmp}/copy", "--data={tmp}/none"], {}, "is no directory of the embedded engine"),
        (["/proc/copy"], {}, "can't be written"),
        (["{tmp}/copy"], {"EVERYSPAN_CLICKHOUSE_DSN": "http://db:8123"}, "run BACKUP DATABASE"),
    ],
)
def test_bad_input(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    (tmp_path / "data/clickhouse/metadata").mkdir(parents=True)
    given = [each.format(tmp=tmp_path) for each in arguments]
    environment |= {"EVERYSPAN_DATA": str(tmp_path / "data")}
    done = everyspan("backup", *given, **environment)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_house_goes_on_from_it(tmp_path: Path) -> None:
    def sent(house: object) -> str:
        trace = trace_id()
        house.post("/v1/traces", request(span(trace), span(trace)).SerializeToString())  # type: ignore[attr-defined]
        return trace.hex()

    with running(tmp_path / "data") as house:
        before = [sent(house) for _ in range(30)]
        house.judged(before[:10])
        done = everyspan("backup", str(tmp_path / "copy"), f"--data={tmp_path / 'data'}")
        assert done.returncode == 0, done.stderr
        sent(house)
    with running(tmp_path / "copy") as house:
        house.judged(before)
        (row,) = house.query(
            "SELECT count() AS rows, uniqExact(trace_id, span_id) AS spans FROM everyspan.spans"
        )
        assert (int(row["rows"]), int(row["spans"])) == (60, 60)
        house.judged([sent(house)])

"""DSNs, and what is said when ClickHouse is not there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from clickhouse.connection import StorageUnavailableError, connect, embedded_engine, redacted
from tests.clickhouse.databases import engine
from tests.everyspan_up import ROOT, free_ports


def test_every_spelling_of_a_directory_is_one_engine(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with engine(tmp_path / "real") as dsn:
        for other in (dsn + "/", f"chdb://{tmp_path}/link", f"chdb://{tmp_path}/x/../real"):
            client = connect(other)
            assert client.query("SELECT 1").result_rows == [(1,)]
            client.close()
            assert embedded_engine(other) == embedded_engine(dsn)


def test_an_insert_imports_no_pandas(tmp_path: Path) -> None:
    code = f"""
import sys
from clickhouse.connection import connect
client = connect("chdb://{tmp_path}/data")
client.command("CREATE TABLE t (a UInt8) ENGINE = Memory")
client.insert("t", [[1]])
assert client.query("SELECT a FROM t").result_rows == [(1,)]
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_engine_options_travel_in_the_query() -> None:
    assert "max_server_memory_usage=1000" in embedded_engine(
        "chdb:///x?max_server_memory_usage=1000"
    )
    assert "max_server_memory_usage=" in embedded_engine("chdb:///x")


def test_a_second_process_is_told_why(tmp_path: Path) -> None:
    with engine(tmp_path / "data") as dsn:
        code = f"from clickhouse.connection import connect; connect({dsn!r})"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1
    assert "another process" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("code", "ask"),
    [
        (60, lambda client: client.query("SELECT * FROM nowhere")),
        (62, lambda client: client.command("SELEC 1")),
        (47, lambda client: client.raw_query("SELECT nothing")),
        (60, lambda client: client.insert("nowhere", [[1]], ["a"])),
        (32, lambda client: client.raw_insert("here.kept", insert_block=b"\x01\x05", fmt="Native")),
        (395, lambda client: _read(client, "SELECT throwIf(number = 99999) FROM numbers(100000)")),
    ],
    ids=["query", "command", "raw_query", "insert", "raw_insert", "stream"],
)
def test_errors_have_their_code(tmp_path: Path, code: int, ask: Callable[[Client], object]) -> None:
    """It decides whether rows are at fault or a column is unknown; nobody reads the text for it."""
    with engine(tmp_path / "data") as dsn:
        client = connect(dsn)
        client.command("CREATE DATABASE here ENGINE = Atomic")
        client.command("CREATE TABLE here.kept (a UInt8) ENGINE = MergeTree ORDER BY a")
        with pytest.raises(DatabaseError) as error:
            ask(client)
        client.close()
        assert error.value.code == code


ROOMS = (
    *("alerting", "benchmarks", "classify", "cli", "clickhouse", "experiments", "grafana"),
    *("ingest", "service", "sdk/src"),
)


def test_nobody_reads_a_code_out_of_a_text() -> None:
    """But for the engine itself, which raises nothing else than text, in one place."""
    reads = re.compile(r"""compile\([^\n]*Code:|["']Code: [^\n]*in str\(|DB::Exception""")
    found = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if reads.search(path.read_text(encoding="utf-8"))
    }
    assert found == {
        "clickhouse/embedded_http/errors.py",
        # Takes it out of what a user is told; the code comes from `code`.
        "experiments/datasets/condition.py",
    }


def _read(client: Client, query: str) -> bytes:
    with client.raw_stream(query, fmt="Native") as stream:
        return bytes(stream.read())


@pytest.mark.parametrize("dsn", ["mysql://host", "host:8123", "tcp://host:9000"])
def test_an_unknown_scheme_names_the_setting(dsn: str) -> None:
    with pytest.raises(StorageUnavailableError, match="EVERYSPAN_CLICKHOUSE_DSN"):
        connect(dsn)


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    port = free_ports()["clickhouse"]
    with pytest.raises(StorageUnavailableError) as error:
        connect(f"http://user:p%40ss@127.0.0.1:{port}")
    assert str(port) in str(error.value)
    assert "p%40ss" not in str(error.value)
    assert "p@ss" not in str(error.value)


def test_a_directory_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailableError, match="--data"):
        connect(f"chdb://{tmp_path}/file/data")


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("http://u:secret@h:1/db", "http://u:…@h:1/db"),
        ("http://h:1", "http://h:1"),
        ("chdb:///x", "chdb:///x"),
    ],
)
def test_redacted(dsn: str, shown: str) -> None:
    assert redacted(dsn) == shown

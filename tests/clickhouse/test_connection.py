"""DSNs, and what is said when ClickHouse is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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

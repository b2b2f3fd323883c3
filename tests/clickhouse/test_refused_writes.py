"""The embedded engine drops the error of a write that the disk refuses; its client must not.

A limit on the length of files (RLIMIT_FSIZE) refuses writes as a full disk does, needs no right to
mount, and holds for a whole process: each case runs in one of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.everyspan_up import ROOT

PRELUDE = """
import json, os, resource, signal, sys, threading, time
from contextlib import contextmanager
from clickhouse.connection import connect
from clickhouse.native import write_columns
from clickhouse.refused_writes import RefusedWriteError, reloads

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
directory = sys.argv[1]
dsn = f"chdb://{directory}"
client = connect(dsn)

@contextmanager
def files_end_at(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

def block(first, rows, size):
    ids = list(range(first, first + rows))
    return write_columns(
        {"id": "UInt64", "s": "String"}, {"id": ids, "s": [os.urandom(size).hex() for _ in ids]}
    )

def insert(first, rows=100, size=40, client=client):
    client.raw_insert("t", ["id", "s"], block(first, rows, size), fmt="Native")

def stored():
    sql = "SELECT id, length(s) FROM t ORDER BY id"
    return [row[0] for row in client.query(sql).result_rows]

client.command(
    "CREATE TABLE t (id UInt64, s String) ENGINE = MergeTree ORDER BY id"
    " SETTINGS old_parts_lifetime = 480"
)
"""

INSERT = """
insert(0)
with files_end_at(1000):
    # The block that the engine reads must fit: it is written before.
    data = block(1000, 100, 4)
try:
    with files_end_at(len(data) - 200):
        client.command(
            "INSERT INTO t SELECT number + 1000, hex(randomString(40)) FROM numbers(500)"
        )
except RefusedWriteError as error:
    refused = str(error)
insert(2000)
print(json.dumps({"refused": refused, "stored": stored(), "reloads": reloads(directory)}))
"""

MERGE = """
for first in range(0, 1000, 100):
    insert(first, size=400)
with files_end_at(20_000):
    try:
        client.command("OPTIMIZE TABLE t FINAL")
    except RefusedWriteError as error:
        refused = str(error)
parts = client.query(
    "SELECT name FROM system.parts WHERE table = 't' AND active ORDER BY name"
).result_rows
aside = client.query("SELECT name FROM system.detached_parts").result_rows
print(json.dumps({"refused": refused, "stored": stored(), "parts": parts, "aside": aside}))
"""

MANY = """
import random
random.seed(1)
accepted, ended = [], threading.Event()

def send(first):
    mine = connect(dsn)
    while not ended.is_set():
        first += 1000
        rows = random.choice([3, 15, 300])
        try:
            insert(first, rows, random.choice([5, 400]), mine)
        except Exception:
            mine.close()
            mine = connect(dsn)
        else:
            accepted.append((first, rows))

senders = [threading.Thread(target=send, args=(k * 10**9,)) for k in range(2)]
for sender in senders:
    sender.start()
flips = 0
while flips < 12 or len(accepted) < 10:
    flips += 1
    time.sleep(random.uniform(0.05, 0.2))
    with files_end_at(random.choice([500, 30_000, 300_000])):
        time.sleep(random.uniform(0.02, 0.2))
ended.set()
for sender in senders:
    sender.join()
# Nobody may have asked since the last merge that was refused: the first who asks finds it, and the
# tables are not read anew many times a second.
for _ in range(60):
    try:
        found = set(stored())
        break
    except Exception:
        time.sleep(0.2)
lost = [i for first, rows in accepted for i in range(first, first + rows) if i not in found]
print(json.dumps({"accepted": len(accepted), "lost": lost, "reloads": reloads(directory)}))
"""

AWAY = """
from clickhouse.embedded_http.mirror import read_schema
from clickhouse.refused_writes import all_tables

client.command("CREATE DATABASE d ENGINE = Atomic")
client.command("CREATE TABLE d.kept (id UInt64, s String) ENGINE = MergeTree ORDER BY id")
client.command("INSERT INTO d.kept SELECT number, 'a' FROM numbers(100)")
slow, other = connect(dsn), connect(dsn)
held = threading.Thread(
    target=slow.query, args=("SELECT sleepEachRow(0.02) FROM d.kept SETTINGS max_block_size = 1",)
)
held.start()
time.sleep(0.3)

def refuse():
    try:
        with files_end_at(2000):
            client.command(
                "INSERT INTO d.kept SELECT number + 1000, hex(randomString(40)) FROM numbers(500)"
            )
    except RefusedWriteError:
        pass

refused = threading.Thread(target=refuse)
refused.start()
# The table is away as long as the slow statement holds it.
asked = connect(dsn)
plain = type(asked).query
while True:
    try:
        plain(asked, "SELECT 1 FROM d.kept LIMIT 1")
    except Exception as error:
        away = error.code
        break
    time.sleep(0.01)
count = other.query("SELECT count() FROM d.kept").result_rows[0][0]
held.join()
refused.join()

held = threading.Thread(
    target=slow.query, args=("SELECT sleepEachRow(0.02) FROM d.kept SETTINGS max_block_size = 1",)
)
held.start()
time.sleep(0.3)
refused = threading.Thread(target=refuse)
refused.start()
while True:
    try:
        plain(asked, "SELECT 1 FROM d.kept LIMIT 1")
    except Exception:
        break
    time.sleep(0.01)
with all_tables(directory) as state:
    schema = read_schema(directory, 0.5)
print(json.dumps({"away": away, "count": count, "schema": schema, "state": state}))
"""

FULL = """
from types import SimpleNamespace
insert(0)
os.statvfs = lambda path: SimpleNamespace(f_bavail=3, f_frsize=1 << 20)
said = []
for statement in ("ALTER TABLE t ADD COLUMN b String", "CREATE TABLE u (a Int8) ENGINE = Log"):
    try:
        client.command(statement)
    except RefusedWriteError as error:
        said.append(str(error))
client.command("CREATE TABLE IF NOT EXISTS t (a Int8) ENGINE = Log")
print(json.dumps({"said": said, "count": client.command("SELECT count() FROM t")}))
"""


def run(case: str, directory: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + case, str(directory)],
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_an_insert_that_the_disk_refuses_is_an_error(tmp_path: Path) -> None:
    found = run(INSERT, tmp_path / "data")
    assert "send again" in found["refused"]
    # All that was accepted can be read, and nothing of what was refused.
    assert found["stored"] == [*range(100), *range(2000, 2100)]
    assert found["reloads"] == 1


def test_a_merge_that_the_disk_refuses_costs_no_row(tmp_path: Path) -> None:
    found = run(MERGE, tmp_path / "data")
    assert found["refused"]
    assert found["stored"] == list(range(1000))
    assert len(found["parts"]) > 1
    assert all(name.startswith("broken-on-start") for (name,) in found["aside"])
    assert found["aside"]


def test_what_was_accepted_is_stored_whenever_writes_are_refused(tmp_path: Path) -> None:
    found = run(MANY, tmp_path / "data")
    assert found["accepted"] > 5
    assert found["reloads"] > 0
    assert found["lost"] == []


def test_nobody_sees_a_table_away(tmp_path: Path) -> None:
    found = run(AWAY, tmp_path / "data")
    assert found["away"] == 60
    assert found["count"] == 100
    # What a reader is given when it is started at that moment.
    assert any("d.kept UUID" in statement for statement in found["schema"])
    assert found["state"] == 2


def test_no_definition_is_written_to_a_full_disk(tmp_path: Path) -> None:
    found = run(FULL, tmp_path / "data")
    assert len(found["said"]) == 2
    assert "3 MiB are left" in found["said"][0]
    assert found["count"] == 100

"""``everyspan backup``: a copy of the data directory to start from, made while it is in use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.console import console, fail, plain_errors, read_settings
from cli.options import Data
from clickhouse.backup import BackupError, Copied, copy_engine
from clickhouse.connection import connect
from service.stack_settings import UpSettings
from web import say

_SQLITE = b"SQLite format 3\0"
#: Beside a SQLite file: its backup holds what is in them.
_WITH_SQLITE = ("-wal", "-shm", "-journal")


def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; not there yet, or empty.")],
    data: Data = None,
) -> None:
    """Copy the data directory, in use or not, and open the copy to see that it is whole."""
    settings = read_settings(UpSettings, data=data)
    if settings.clickhouse_dsn and not settings.embedded:
        fail(
            "spans are on a ClickHouse server: run BACKUP DATABASE"
            f" {settings.database} TO … there; alerts are in {settings.data / 'alerting'}",
            2,
        )
    source = settings.data
    engine = Path(settings.dsn.removeprefix("chdb://"))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        fail(f"{folder} is there already; name a folder that is not, or an empty one", 2)
    if folder.resolve().is_relative_to(source.resolve()):
        fail(f"{folder} is inside of {source}; name one outside of it", 2)
    began = time.monotonic()
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with plain_errors():
        try:
            # First: what is told about a span never is without it.
            copied = _beside_the_engine(source, partial, engine)
            engine_copied = copy_engine(engine, partial / "clickhouse")
            copied.files += engine_copied.files
            copied.bytes += engine_copied.bytes
            counts = _counts(partial / "clickhouse", settings.database)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise BackupError(f"{folder} can't be written: {error}") from error
        except Exception:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    if folder.exists():
        folder.rmdir()
    partial.rename(folder)
    console.print(
        Text(
            f"{folder}: {say.plural(counts['spans_raw'], 'row')} of spans_raw,"
            f" {say.plural(len(counts), 'table')}, {copied.bytes / 1e6:.0f} MB in"
            f" {time.monotonic() - began:.0f} s; to start from it: everyspan up --data {folder}"
        ),
        soft_wrap=True,
    )


def _beside_the_engine(source: Path, target: Path, engine: Path) -> Copied:
    """All other files of the directory; those of SQLite by its own way, which waits for nobody."""
    copied = Copied()
    target.mkdir(parents=True)
    for file in _files_outside(source, engine.resolve()):
        into = target / file.relative_to(source)
        into.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("rb") as opened:
                is_sqlite = opened.read(len(_SQLITE)) == _SQLITE
            if is_sqlite:
                _copy_sqlite(file, into)
            else:
                shutil.copy2(file, into)
        except FileNotFoundError:
            if file.exists():
                raise  # it's the copy that can't be written
            continue  # written under a name for the moment, or done with
        copied.files += 1
        copied.bytes += into.stat().st_size
    return copied


def _files_outside(source: Path, engine: Path) -> Iterator[Path]:
    """The engine's own folder isn't entered: what it holds comes and goes while it is listed."""
    for folder, folders, names in os.walk(source):
        here = Path(folder)
        folders[:] = [name for name in folders if (here / name).resolve() != engine]
        for name in names:
            if (here / name).is_file() and not name.endswith(_WITH_SQLITE):
                yield here / name


def _copy_sqlite(file: Path, into: Path) -> None:
    into.touch(file.stat().st_mode & 0o777)
    there, here = sqlite3.connect(f"file:{file}?mode=ro", uri=True), sqlite3.connect(into)
    try:
        there.backup(here)
    except sqlite3.Error as error:
        raise BackupError(f"{file} can't be read: {error}") from error
    finally:
        there.close()
        here.close()


def _counts(engine: Path, database: str) -> dict[str, int]:
    """Table to its rows, all versions of a row counted: each is read from the copy."""
    client = connect(f"chdb://{engine.resolve()}")
    try:
        names = client.query(
            "SELECT name FROM system.tables WHERE database = {d:String} AND engine LIKE"
            " '%MergeTree' ORDER BY name",
            parameters={"d": database},
        ).result_rows
        if not names:
            raise BackupError(f"the copy has no database {database}; see EVERYSPAN_DATABASE")
        # They are made of the rows, and the copy may have rows of a moment before.
        client.command(f"TRUNCATE TABLE IF EXISTS {database}.hour_tallies")
        counts = {}
        for (name,) in names:
            # The checksums of every part.
            ((whole,),) = client.query(
                f"CHECK TABLE {database}.{name}",
                settings={"check_query_single_value_result": 1},
            ).result_rows
            if int(whole) != 1:
                raise BackupError(
                    f"{name} is damaged in the copy, and so perhaps where it came from: run"
                    f" CHECK TABLE {database}.{name} there; no backup was made"
                )
            ((counts[str(name)],),) = client.query(
                f"SELECT count() FROM {database}.{name}"
            ).result_rows
        return counts
    finally:
        client.close()

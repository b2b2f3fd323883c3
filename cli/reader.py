"""A client for the commands that only read."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

from clickhouse_connect.driver.client import Client

from cli.console import read_settings
from clickhouse.connection import StorageUnavailableError, connect, served_dsn
from service.keys import is_key
from service.stack_settings import UpSettings


def open_reader(
    data: Path | None, dsn: str | None, clickhouse_port: int | None
) -> tuple[Client, UpSettings]:
    """A client for, in this order: the DSN given, a running ``everyspan up``, the data directory.

    Raises StorageUnavailableError where none of them is there.
    """
    settings = read_settings(
        UpSettings, data=data, clickhouse_dsn=dsn, clickhouse_port=clickhouse_port
    )
    if settings.clickhouse_dsn:
        return connect(settings.dsn), settings
    host, port = settings.clickhouse_host, settings.clickhouse_port
    if _listens(host, port):
        user, password = settings.clickhouse_user, settings.clickhouse_password.get_secret_value()
        return connect(served_dsn(host, port, user, password)), settings
    if (settings.data / "clickhouse").is_dir():
        return connect(settings.dsn), settings
    raise StorageUnavailableError(
        f"nothing listens on {host}:{port} and {settings.data} holds no data; start "
        "`everyspan up`, or give --clickhouse-dsn or --data"
    )


def is_served(settings: UpSettings) -> bool:
    """Whether ``open_reader`` reads through a running ``everyspan up``, where nothing can be
    written."""
    return not settings.clickhouse_dsn and _listens(
        settings.clickhouse_host, settings.clickhouse_port
    )


def key_shown(settings: UpSettings) -> str:
    """The id of the project's key that ``open_reader`` reads with; '' for whoever reads all."""
    shown = settings.clickhouse_password.get_secret_value()
    if settings.clickhouse_dsn:
        shown = unquote(urlsplit(settings.dsn).password or "")
    return shown.split("_")[1] if is_key(shown) else ""


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False

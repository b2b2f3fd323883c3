"""Clients from a DSN. One client serialises its calls: make one per thread."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import options as libraries
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.refused_writes import watched
from service.errors import UserError

# Each insert asks whether what it is given is a data frame, and imports pandas to know: half a
# second and 40 MB in every process. None is given.
for _name in ("pd", "pd_time_test"):
    vars(libraries).setdefault(_name, None)

# The embedded engine would otherwise claim most of the machine.
_EMBEDDED_MEMORY_BYTES = 4 << 30


class StorageUnavailableError(UserError):
    """ClickHouse can't be reached or opened. The text names the DSN (no password) and a remedy."""


class DsnError(StorageUnavailableError):
    """The DSN is none: waiting changes nothing."""


def connect(dsn: str, **options: Any) -> Client:
    """A client for ``http://``, ``https://``, ``clickhouse://`` or ``chdb:///directory``.

    ``options`` go to ``clickhouse_connect.get_client``. Raises StorageUnavailableError.
    """
    parts = urlsplit(dsn)
    if parts.scheme == "chdb":
        return _embedded(unquote(parts.path), parts.query, options)
    if parts.scheme not in ("http", "https", "clickhouse", "clickhouses"):
        raise DsnError(
            f"EVERYSPAN_CLICKHOUSE_DSN: '{parts.scheme or dsn}' is no scheme known here; "
            "use http://, https:// or chdb:///directory"
        )
    secure = parts.scheme in ("https", "clickhouses")
    try:
        return clickhouse_connect.get_client(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or (8443 if secure else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=secure,
            autogenerate_session_id=False,
            **options,
        )
    except (ClickHouseError, OSError) as error:
        raise StorageUnavailableError(
            f"no ClickHouse answers at {redacted(dsn)} ({error}); start it, or correct "
            "EVERYSPAN_CLICKHOUSE_DSN"
        ) from error


def served_dsn(host: str, port: int, user: str, password: str) -> str:
    """The DSN of the read-only port of an embedded engine; all interfaces are this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"[{host}]" if ":" in host else host
    secret = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    return f"http://{secret if password or user != 'default' else ''}{address}:{port}"


def embedded_engine(dsn: str) -> str:
    """The string by which chDB knows the engine of a ``chdb:///directory`` DSN.

    Connections of one process must all use the same one.
    """
    parts = urlsplit(dsn)
    return f"{os.path.realpath(unquote(parts.path))}?{urlencode(_engine_options(parts.query))}"


def redacted(dsn: str) -> str:
    """The DSN without its password, for messages."""
    parts = urlsplit(dsn)
    if parts.password is None:
        return dsn
    return dsn.replace(f":{parts.password}@", ":…@", 1)


def _is_locked(directory: Path) -> bool:
    # The engine says why it did not start on stderr only, so look at its lock.
    try:
        with (directory / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _engine_options(query: str) -> dict[str, str]:
    return {"max_server_memory_usage": str(_EMBEDDED_MEMORY_BYTES), **dict(parse_qsl(query))}


def _embedded(path: str, query: str, options: dict[str, Any]) -> Client:
    try:
        import chdb  # noqa: F401
    except ImportError as error:
        raise StorageUnavailableError(
            "the embedded ClickHouse is not installed; run "
            "pip install 'everyspan-server[embedded]', or set EVERYSPAN_CLICKHOUSE_DSN to a server"
        ) from error
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailableError(
            f"{directory} can't be created: {error.strerror}; choose another --data directory"
        ) from error
    try:
        client = clickhouse_connect.get_client(
            interface="chdb", path=path, chdb_options=_engine_options(query), **options
        )
        return watched(client, path)
    except Exception as error:
        if _is_locked(directory):
            raise StorageUnavailableError(
                f"another process has {directory} open, and the embedded ClickHouse serves one. "
                "Stop the other one, or query it through its HTTP port"
            ) from error
        raise StorageUnavailableError(f"{directory} can't be opened: {error}") from error

"""What is asked: an HTTP request in ClickHouse's manner, as one plain record."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from clickhouse.embedded_http.compression import decode
from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.settings import TRANSPORT

_QUERY_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(slots=True, frozen=True)
class Question:
    """SQL as sent; the format when it names none; values for {name:Type}; settings of the URL.
    ``project``: the only one that is read; None for all."""

    sql: str
    default_format: str
    database: str
    params: Mapping[str, str]
    settings: Mapping[str, str]
    query_id: str
    protocol_version: str
    compress: bool
    project: str | None = None


def read_question(
    url: Mapping[str, str], headers: Mapping[str, str], body: bytes, limit: int
) -> Question:
    """``query`` of the URL, then the body. Raises QueryRefused for what cannot be understood."""
    if headers.get("content-type", "").startswith("multipart/"):
        raise QueryRefused(48, "external tables and multipart bodies are not supported; send SQL")
    for name in ("compress", "decompress"):
        if url.get(name, "0") not in ("", "0", "false"):
            raise QueryRefused(
                48, f"{name}=1 (native block compression) is not supported; use Accept-Encoding"
            )
    data = decode(body, headers.get("content-encoding", ""), limit)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise QueryRefused(36, f"the statement is not valid UTF-8: {error}") from error
    query = url.get("query", "")
    return Question(
        # As a server does: the URL's part, a line feed, the body.
        sql=f"{query}\n{text}" if query and text else query or text,
        default_format=headers.get("x-clickhouse-format")
        or url.get("default_format")
        or "TabSeparated",
        database=url.get("database") or headers.get("x-clickhouse-database") or "",
        params={name[6:]: value for name, value in url.items() if name.startswith("param_")},
        settings={
            name: value
            for name, value in url.items()
            if name not in TRANSPORT and not name.startswith("param_")
        },
        query_id=_query_id(url.get("query_id", "")),
        protocol_version=url.get("client_protocol_version", "0"),
        compress=url.get("enable_http_compression", "1") not in ("0", "false"),
    )


def _query_id(given: str) -> str:
    # It is echoed in a header: anything else than plain visible characters gets a fresh one.
    return given if _QUERY_ID.fullmatch(given) else str(uuid.uuid4())

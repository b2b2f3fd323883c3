"""The page's clients: one at a time for whoever asks, and none for whoever asks no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from service.keys import ASKING, Key, Who
from tests.clickhouse.databases import engine
from web.reader import Reader


def test_clients_that_nobody_uses_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of a key that was revoked, which asks no more."""
    with engine(tmp_path / "clickhouse") as dsn:
        made: dict[str, list[Client]] = {}
        closed: list[Client] = []

        def connecting(who: Who) -> Client:
            client = connect(dsn)
            made.setdefault(who.secret, []).append(client)
            close = client.close

            def closing() -> None:
                closed.append(client)
                close()

            monkeypatch.setattr(client, "close", closing)
            return client

        reader = Reader(connecting, "default")

        def ask(secret: str) -> None:
            token = ASKING.set(Who(Key("0", "alpha", "", frozenset({"read"})), secret))
            try:
                assert reader.rows("SELECT 1 AS one") == [{"one": 1}]
            finally:
                ASKING.reset(token)

        ask("revoked")
        ask("holds")
        ask("revoked")
        assert (len(made["revoked"]), closed) == (1, []), "one is enough"
        monkeypatch.setattr("web.reader._KEPT_SECONDS", 0.0)
        ask("holds")
        assert closed == made["revoked"]
        monkeypatch.setattr("web.reader._KEPT_SECONDS", 60.0)
        ask("holds")
        assert len(made["holds"]) == 1
        for client in made["holds"]:
            client.close()

"""`classifier add` on a terminal asks about the nearest rows before a row is judged: command and
the service's interface, over a socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner

from classify.custom.api import router
from classify.custom.catalog import Catalog
from cli import classifier as command
from tests.classify.custom.traffic import span_of
from tests.classify.job_store import Store

FOUR = [span_of(i) for i in range(4)]


@pytest.fixture
def port(catalog: Catalog) -> Iterator[int]:
    app = FastAPI()
    app.include_router(router(catalog))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def add(port: int, keys: str, *more: str) -> str:
    done = CliRunner().invoke(
        command.app,
        ["--host", "127.0.0.1", "--classify-port", str(port), "add", "refund", "--positive",
         *FOUR, *more],
        input="\n".join(keys) + "\n",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_asked_about_the_nearest_and_live_with_the_answers(
    db: Store, catalog: Catalog, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_on_a_terminal", lambda: True)
    told = add(port, "q")
    assert "The 10 rows nearest to your examples, before refund judges any:" in told
    assert "nobody answered: refund stays a draft" in told
    assert catalog.show("refund").state == "draft"
    catalog.remove("refund")

    told = add(port, "yyyynnnnnn")
    assert "refund version 2 is live" in told
    assert "that it failed, " in told
    assert "rightly: before your answers its precision was " in told
    examples = catalog.show("refund").definition.examples
    assert len(examples) == 14
    assert db.query("SELECT count() FROM spans WHERE notEmpty(custom)") == [(0,)]


def test_nobody_is_asked_in_a_script_or_where_it_was_said_otherwise(
    catalog: Catalog, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = add(port, "")
    assert "should it fail?" not in told
    assert "nobody was asked about the 10 nearest rows" in told
    catalog.remove("refund")
    monkeypatch.setattr(command, "_on_a_terminal", lambda: True)
    for option in ("--enable", "--draft", "--json"):
        assert "should it fail?" not in add(port, "", option)
        catalog.remove("refund")

"""Services that would let everybody in do not start, and the commands show their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import everyspan
from tests.everyspan_up import Up, free_ports, running

TOKEN = "s3cret"


@pytest.mark.parametrize(
    ("command", "given", "setting"),
    [
        ("ingest", {}, "EVERYSPAN_INGEST_TOKEN"),
        ("ingest", {"EVERYSPAN_HOST": "::"}, "EVERYSPAN_INGEST_TOKEN"),
        ("classify", {}, "EVERYSPAN_CLASSIFY_TOKEN"),
        ("alerting", {}, "EVERYSPAN_GRAFANA_WEBHOOK_SECRET or EVERYSPAN_ALERTING_TOKEN"),
        ("up", {}, "EVERYSPAN_CLASSIFY_TOKEN"),
        ("up", {"EVERYSPAN_CLASSIFY_TOKEN": TOKEN}, "EVERYSPAN_INGEST_TOKEN"),
    ],
    ids=str,
)
def test_a_service_for_everybody_does_not_start(
    tmp_path: Path, command: str, given: dict[str, str], setting: str
) -> None:
    common = {"EVERYSPAN_HOST": "0.0.0.0", "EVERYSPAN_DATA": str(tmp_path)}
    done = everyspan(command, **(common | given))
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    assert f"for everybody; set {setting}, or EVERYSPAN_HOST=127.0.0.1" in told
    assert "Traceback" not in told
    assert not list(tmp_path.iterdir()), "before anything is opened"


def test_metrics_are_for_this_machine_and_for_the_token(closed: Up) -> None:
    for port in ("classify", "alerting"):
        assert closed.request("GET", "/metrics", port=port).status == 200
        proxied = {"x-forwarded-for": "192.0.2.1"}
        assert closed.request("GET", "/metrics", headers=proxied, port=port).status == 401
        known = proxied | {"authorization": f"Bearer {TOKEN}"}
        assert closed.request("GET", "/metrics", headers=known, port=port).status == 200


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    data = tmp_path_factory.mktemp("closed") / "data"
    with running(data, classify_token=TOKEN, alerting_token=TOKEN) as up:
        yield up


def test_a_token_is_asked_for(closed: Up) -> None:
    assert closed.request("GET", "/v1/classifiers", port="classify").status == 401
    good = {"authorization": f"Bearer {TOKEN}"}
    assert closed.request("GET", "/v1/classifiers", b"", good, port="classify").status == 200
    assert closed.request("GET", "/healthz", port="classify").status == 200
    assert closed.request("POST", "/v1/rejudge", b"{}", port="classify").status == 401


@pytest.mark.parametrize(
    ("arguments", "setting", "answer"),
    [
        (("experiment", "stop", "none"), "CLASSIFY", "none"),
        (("dataset", "delete", "none", "--yes"), "CLASSIFY", "none"),
        (("classifier", "disable", "none"), "CLASSIFY", "none"),
        (("alerts", "resend", "99"), "ALERTING", "no delivery 99"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_commands_show_their_token(
    closed: Up, arguments: tuple[str, ...], setting: str, answer: str
) -> None:
    ports = {
        f"EVERYSPAN_{name.upper()}_PORT": str(closed.ports[name])
        for name in ("clickhouse", "classify", "alerting")
    }
    without = everyspan(*arguments, **ports)
    assert without.returncode == 1
    assert f"EVERYSPAN_{setting}_TOKEN" in without.stderr
    done = everyspan(*arguments, **ports, **{f"EVERYSPAN_{setting}_TOKEN": TOKEN})
    assert f"EVERYSPAN_{setting}_TOKEN" not in done.stderr
    assert answer in done.stderr


def test_where_no_service_is() -> None:
    port = str(free_ports()["classify"])
    done = everyspan("experiment", "stop", "none", EVERYSPAN_CLASSIFY_PORT=port)
    assert done.returncode == 1
    assert "no classify service answers" in " ".join(done.stderr.split())

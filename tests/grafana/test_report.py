"""The report page: the dashboards' numbers, looked at in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from grafana.macros import TimeRange
from grafana.report.page import page
from grafana.report.panels import board, shown
from grafana.report.units import told
from tests.browser import LOOKS, chromium
from tests.cli.command import everyspan
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.grafana import seed

EVIL = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("report") / "clickhouse") as opened:
        yield opened


@pytest.fixture(scope="module")
def client(dsn: str) -> Iterator[Client]:
    with database(dsn) as (client, settings):
        migrated(client, settings)
        seed.fill(client, settings.database, 6000, 9)
        client.database = settings.database
        client.command(
            "INSERT INTO spans_raw (trace_id, span_id, name, service_name, step_kind, start_time,"
            " input, status, status_message, verdict_version, toxicity, toxicity_score, evidence)"
            " WITH {evil:String} AS evil SELECT repeat('e', 32), repeat('e', 16), evil, evil,"
            " 'llm', now64(9) - toIntervalMinute(2), evil, 'error', evil, 1, 'fail', 0.99,"
            " map('toxicity', evil)",
            parameters={"evil": EVIL},
        )
        yield client


def render(client: Client, last: timedelta = timedelta(days=1)) -> str:
    def run(sql: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        answer = client.query(sql)
        return answer.column_names, answer.result_rows

    return page(run, TimeRange.last(last, datetime.now(UTC)), "1.2.3")


def test_the_numbers_are_those_of_the_dashboards(client: Client) -> None:
    def run(sql: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        answer = client.query(sql)
        return answer.column_names, answer.result_rows

    times = TimeRange.last(timedelta(days=1), datetime.now(UTC))
    found = {each.title: each for each in shown(board("overview"), run, times)}
    assert not [each.problem for each in found.values() if each.problem]
    traces = client.query(
        "SELECT count() FROM spans"
        " WHERE parent_span_id = '' AND start_time > now() - INTERVAL 1 DAY"
    ).result_rows[0][0]
    assert abs(int(found["Traces"].value) - traces) <= 1
    assert found["How much is judged?"].value == "100 %"
    assert found["How much is judged?"].color == "green"
    assert found["Estimated to fail"].value.endswith("\u00a0%")
    chart = found["Which classifiers fail, and since when?"].chart
    assert chart["traces"]
    assert chart["xaxis"]["range"] == [f"{at:%Y-%m-%d %H:%M:%S}" for at in (times.start, times.end)]
    assert found["Which are the ten worst traces?"].cells
    assert found["How much traffic does each service get?"].chart["named"]
    states = found["Which classifiers fail, and since when?"]
    assert states.height >= 18 * len(states.chart["yaxis"]["categoryarray"])


def test_nothing_stored_says_so(dsn: str) -> None:
    with database(dsn) as (client, settings):
        migrated(client, settings)
        client.database = settings.database
        text = render(client)
    assert "No span came in this time range" in text
    assert 'class="none red"' not in text
    assert 'class="plot"' not in text, "an axis without anything on it says nothing"


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0.12345, "percentunit", 2, "12.35 %"),
        (1234567, "short", None, "1.23 M"),
        (42, "short", None, "42"),
        (1532.0, "ms", None, "1.53 s"),
        (90, "s", None, "1.5 min"),
        (0.00042, "currencyUSD", None, "$0.00042"),
        (12.5, "currencyUSD", None, "$12.50"),
        (float("nan"), "short", None, "–"),
        (None, "ms", None, "–"),
        (["a", "b"], "short", None, "a, b"),
        (0.5, "suffix: /s", None, "0.5 /s"),
        (datetime(2026, 11, 30, 2, 21, 59), "time:YYYY-MM-DD HH:mm", None, "2026-11-30 02:21"),
    ],
)
def test_units(value: Any, unit: str, decimals: int | None, text: str) -> None:
    assert told(value, unit, decimals) == text


@pytest.mark.parametrize(
    ("last", "told"), [("yesterday", "write a number"), ("0h", "write a number")]
)
def test_a_time_that_is_none(last: str, told: str) -> None:
    done = everyspan("report", f"--last={last}")
    assert done.returncode == 2
    assert "write a number and m, h, d or w" in " ".join(done.stderr.split())


@LOOKS
def test_in_chromium(client: Client, tmp_path: Path, scheme: Any, width: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(client), encoding="utf-8")
    with chromium() as browser:
        view = browser.new_page(
            color_scheme=scheme, viewport={"width": width, "height": 1000}, offline=True
        )
        wrong: list[str] = []
        view.on("pageerror", lambda error: wrong.append(str(error)))
        view.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        view.set_default_timeout(180_000)
        view.goto(path.as_uri())
        view.wait_for_selector(".plot .main-svg")
        view.screenshot(path=str(tmp_path / f"report-{scheme}-{width}.png"), full_page=True)
        assert wrong == []
        assert view.evaluate("window.pwned") is None, "what spans say is text"
        overflow = view.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, "nothing sticks out sideways"
        charts = view.evaluate(
            "[...document.querySelectorAll('.plot')].map(c => [c.clientHeight > 200,"
            " c.querySelectorAll('.trace, .bars').length > 0])"
        )
        assert len(charts) >= 8
        assert all(tall and drawn for tall, drawn in charts), charts
        boxes = view.evaluate(
            "[...document.querySelectorAll('.panel')].map(p => {"
            "const r = p.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]})"
        )
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                assert a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 1 or b[3] <= a[1] + 1
        cut = view.evaluate(
            "[...document.querySelectorAll('.stat b')].filter(b => b.scrollWidth >"
            " b.parentElement.clientWidth).map(b => b.textContent)"
        )
        assert cut == []
        if width >= 1440:
            wide = view.evaluate(
                "[...document.querySelectorAll('.scroll')].filter(s => s.scrollWidth >"
                " s.clientWidth + 1).map(s => s.closest('.panel').querySelector('h4').textContent)"
            )
            assert wide == [], "no table is cut on the right"
        covered = view.evaluate(
            "[...document.querySelectorAll('.plot')].filter(c => { const l ="
            " c.querySelector('.legend'); return l && [...c.querySelectorAll('.xtick')].some(t =>"
            " t.getBoundingClientRect().bottom > l.getBoundingClientRect().top + 1) })"
            ".map(c => c.closest('.panel').querySelector('h4').textContent)"
        )
        assert covered == [], "no legend lies on an axis"
        background = view.evaluate("getComputedStyle(document.body).backgroundColor")
        assert json.dumps(background) == json.dumps(
            "rgb(17, 19, 24)" if scheme == "dark" else "rgb(244, 245, 247)"
        )

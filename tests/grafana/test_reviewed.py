"""How good classifiers are here, on the boards: what reviews say, as `status` has it. On real
ClickHouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from classify.reviews import review_store
from classify.reviews.calibration_store import run_of
from classify.reviews.figures import reviewed
from classify.reviews.measuring import Measuring
from grafana.build import reviewed as panel
from grafana.build.sql import classifiers
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.grafana import seed
from tests.grafana.test_told import insert, rows


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with engine(tmp_path / "clickhouse") as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        seed.add_verdict_columns(client, settings.database)
        client.database = settings.database
        yield client


def answer(client: Client, number: int, label: str, *, wrong: int) -> None:
    """On rows of that label, as drawn at random; the first ``wrong`` are."""
    found = client.query(
        f"SELECT trace_id, span_id FROM spans WHERE toxicity = '{label}' ORDER BY span_id"
        f" LIMIT {number}"
    ).result_rows
    for at, (trace_id, span_id) in enumerate(found):
        said = "wrong" if at < wrong else "right"
        review_store.add(
            client, str(client.database), "toxicity", trace_id, span_id, said, chosen="random"
        )


def shown(client: Client, layer: str) -> list[dict[str, Any]]:
    names = classifiers("quality" if layer == "quality" else "safety")
    return rows(client, panel.reviewed_table(1, names)["targets"][0]["rawSql"])


def test_the_board_shows_what_status_does(client: Client) -> None:
    insert(client, 60, "fail", "0.9")
    insert(client, 540, "pass", "0.1")
    measuring = Measuring(str(client.database))
    assert measuring.look(client) == 0
    assert shown(client, "safety") == []

    answer(client, 3, "fail", wrong=0)
    answer(client, 3, "pass", wrong=0)
    assert measuring.look(client) == 3
    (found,) = shown(client, "safety")
    assert (found["precision"], found["answers"]) == (None, 6)
    assert found["precision_between"].endswith("–100 %")

    answer(client, 20, "fail", wrong=5)
    answer(client, 20, "pass", wrong=1)
    assert measuring.look(client) == 3
    assert measuring.look(client) == 0, "nothing is new"
    (found,) = shown(client, "safety")
    (told,) = reviewed(run_of(client), str(client.database))
    assert (found["classifier"], found["answers"]) == ("toxicity", 40)
    for name in ("precision", "recall", "fail_rate"):
        estimate = told.quality.estimate(name)
        assert found[name] == pytest.approx(estimate.value)
        low, high = found[f"{name}_between"].removesuffix(" %").split("–")
        assert 100 * estimate.low == pytest.approx(float(low), abs=0.5)
        assert 100 * estimate.high == pytest.approx(float(high), abs=0.5)
    assert 0.6 < found["precision"] < 0.9
    # It is no classifier of the other board.
    assert shown(client, "quality") == []

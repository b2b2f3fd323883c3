"""An enrichment's budget: what each look-up gets of it, and what goes out when it is spent."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from alerting.case import Case
from alerting.destinations import pagerduty, slack, teams
from alerting.destinations.sending import rendered
from alerting.enrich.budget import Budget
from alerting.enrich.enrich import Tools, enrich
from alerting.message import Message
from alerting.settings import AlertingSettings
from clickhouse.connection import connect
from tests.alerting.failing_traces import NOW, alert


class Watched:
    """A real client. ``before``: told the SQL and the parameters of each query that is to run."""

    def __init__(self, client: Client, before: Callable[[str, dict[str, Any]], None]) -> None:
        self._client, self._before = client, before

    def query(self, sql: str, parameters: dict[str, Any]) -> Any:
        self._before(sql, parameters)
        return self._client.query(sql, parameters=parameters)

    def close(self) -> None:
        self._client.close()


def watched(
    store: tuple[str, AlertingSettings, Client],
    before: Callable[[str, dict[str, Any]], None],
    budget: Budget,
    so_far: Callable[[Case], None] | None = None,
) -> Case:
    """The alert's case, by a client that is watched."""
    dsn, settings, _ = store
    client: Any = Watched(connect(dsn), before)
    return enrich(alert(), lambda: client, Tools.of(settings), NOW, budget, so_far)


def test_each_query_gets_what_is_left_of_the_budget(
    store: tuple[str, AlertingSettings, Client],
) -> None:
    given: list[float] = []

    def before(sql: str, _: dict[str, Any]) -> None:
        (seconds,) = re.findall(r"SETTINGS max_execution_time = ([\d.]+)$", sql)
        given.append(float(seconds))
        time.sleep(0.01)

    assert watched(store, before, Budget(60)).without == ""
    assert len(given) >= 10
    assert given[0] <= 60
    assert all(later < earlier - 0.009 for earlier, later in pairwise(given))


def test_what_is_known_goes_out_and_says_what_is_missing(
    store: tuple[str, AlertingSettings, Client],
) -> None:
    budget = Budget(60)

    def before(sql: str, _: dict[str, Any]) -> None:
        if "toStartOfInterval" in sql:
            budget.cancel()
            raise TimeoutError("of the query itself")

    case = watched(store, before, budget)
    assert case.missing == "since when, what changed: no answer within 60 s"
    assert case.unenriched == ""
    assert (case.failing, case.failures[0].place) == (8, "4 of 7")
    assert case.failures[0].suggested_fix
    one = alert()
    told = Message("trigger", "k", one.labels, one.annotations, one.starts_at, case)
    for text in (
        rendered("alert.txt", told),
        json.dumps(slack.body(told)),
        json.dumps(teams.body(told)),
    ):
        assert f"ithout {case.missing}" in text
    config = pagerduty.Config(type="pagerduty", routing_key="k" * 32)
    assert pagerduty.body(config, told)["payload"]["custom_details"]["not enriched"] == case.missing


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ("uniqExactIf(trace_id", "how many"),
        ("LIMIT 3 BY trace_id", "the failing steps"),
        ("AS entry", "their traces"),
        ("classifier_sets", "the threshold"),
        ("toStartOfInterval", "since when"),
        ("AS value", "what changed"),
    ],
)
def test_a_look_up_that_fails_takes_no_other_with_it(
    store: tuple[str, AlertingSettings, Client], part: str, missing: str
) -> None:
    def before(sql: str, _: dict[str, Any]) -> None:
        if part in sql:
            raise ValueError("of this query")

    case = watched(store, before, Budget(60))
    assert case.missing == f"{missing}: ValueError: of this query"
    assert bool(case.failing) is (missing != "how many")
    assert bool(case.failures) is (missing != "the failing steps")
    assert bool(case.since) is (missing != "since when")
    assert bool(case.what_changed) is (missing != "what changed")
    one = alert()
    text = rendered(
        "alert.txt", Message("trigger", "k", one.labels, one.annotations, one.starts_at, case)
    )
    assert "0 of 0" not in text


def test_what_is_known_grows(store: tuple[str, AlertingSettings, Client]) -> None:
    cases: list[Case] = []
    last = watched(store, lambda *_: None, Budget(60), cases.append)
    assert [case.failing for case in cases] == [8] * len(cases)
    assert [len(case.failures) > 0 for case in cases] == [False, *[True] * (len(cases) - 1)]
    assert cases[0].missing.startswith("the failing steps, their traces, ")
    assert cases[-1] == last
    assert last.without == ""
